"""Flask: `Resilience(app)` answers rejected calls, and says how the app is."""

try:
    from resilience_flask.extension import PROBES, Resilience
except ModuleNotFoundError as error:
    if error.name != "flask":
        raise
    said = "resilience_flask needs Flask: pip install 'resilience-web[flask]'"
    raise ModuleNotFoundError(said, name=error.name) from None

__all__ = ["PROBES", "Resilience"]
