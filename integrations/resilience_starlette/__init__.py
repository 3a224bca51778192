"""Starlette and FastAPI: `Resilience(app)` answers rejected calls, and says how the app is."""

try:
    from resilience.web.endpoints import PROBES
    from resilience.web.lifespan import lifespan
    from resilience.web.openapi import RESPONSES
    from resilience_starlette.extension import Resilience
    from resilience_starlette.middleware import ResilienceMiddleware
    from resilience_starlette.serving import routes
except ModuleNotFoundError as error:
    if error.name != "starlette":
        raise
    said = "resilience_starlette needs Starlette: pip install 'resilience-web[starlette]'"
    raise ModuleNotFoundError(said, name=error.name) from None

__all__ = ["PROBES", "RESPONSES", "Resilience", "ResilienceMiddleware", "lifespan", "routes"]
