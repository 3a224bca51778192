"""Starlette and FastAPI: `Resilience(app)` answers rejected calls, and says how the app is."""

from resilience.web.endpoints import PROBES
from resilience.web.lifespan import lifespan
from resilience.web.openapi import RESPONSES
from resilience_starlette.extension import Resilience
from resilience_starlette.middleware import ResilienceMiddleware
from resilience_starlette.serving import routes

__all__ = ["PROBES", "RESPONSES", "Resilience", "ResilienceMiddleware", "lifespan", "routes"]
