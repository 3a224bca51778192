"""Django's ASGI app with a lifespan, which Django's own lacks: the engine ends with the server."""

from __future__ import annotations

from typing import Any

from django.core.asgi import get_asgi_application as make_application

from resilience.web.asgi import Receive, Scope, Send
from resilience.web.lifespan import lifespan
from resilience_django.state import current


def get_asgi_application() -> Application:
    """Return the project's ASGI app; in `asgi.py` instead of Django's function of that name.

    Without it the engine is a thread that a worker's first request starts, and a server such as
    uvicorn ends it without letting it drain.
    """
    return Application(make_application())


class Application:
    """An ASGI app with the engine as a task of its lifespan.

    Args:
        app: Django's.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or live from the server's start to its end."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        else:
            await self._app(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    async with lifespan(None, system=current().system):
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})
