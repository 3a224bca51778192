"""An app that was set up twice, for uvicorn to refuse."""

from starlette.applications import Starlette
from starlette.middleware import Middleware

from resilience_starlette import ResilienceMiddleware

app = Starlette(middleware=[Middleware(ResilienceMiddleware), Middleware(ResilienceMiddleware)])
