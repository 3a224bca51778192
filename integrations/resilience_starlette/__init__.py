"""Starlette and FastAPI: `Resilience(app)` answers rejected calls, and says how the app is."""

from resilience.web.endpoints import PROBES
from resilience_starlette.documents import RESPONSES
from resilience_starlette.extension import Resilience
from resilience_starlette.life import lifespan
from resilience_starlette.middleware import ResilienceMiddleware
from resilience_starlette.serving import routes

__all__ = ["PROBES", "RESPONSES", "Resilience", "ResilienceMiddleware", "lifespan", "routes"]
