"""Flask: `Resilience(app)` answers rejected calls, and says how the app is."""

from resilience_flask.extension import PROBES, Resilience

__all__ = ["PROBES", "Resilience"]
