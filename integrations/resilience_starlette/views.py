"""What serves the routes of an app, function, class or mounted app: each is an ASGI app."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.routing import Host, Mount, WebSocketRoute

from resilience.core.views import View, Wrap
from resilience.web.asgi import App, Receive, Scope, Send
from resilience_starlette.routing import kept, path_of
from resilience_starlette.serving import is_ours

_CONVERTER = re.compile(r":\w+(?=})")


def views_of(app: Any) -> Iterator[View]:
    """Yield the views of an app, without our own; one for each route that it serves."""
    yield from _served(app.routes, "")


def views_inside(layer: Any) -> Iterator[View]:
    """Yield the views of the app that is somewhere inside a layer around it."""
    while layer is not None and not hasattr(layer, "routes"):
        layer = getattr(layer, "app", None)
    if layer is not None:
        yield from views_of(layer)


def _served(routes: Iterable[Any], prefix: str) -> Iterator[View]:
    for each in routes:
        if hasattr(each, "effective_route_contexts"):  # a router that FastAPI has included
            yield from _served(each.effective_route_contexts(), prefix)
            continue
        route = kept(each)
        inner = getattr(route, "routes", None) or ()
        if isinstance(route, Mount | Host):
            # Of a value in its prefix a request tells no more than the name.
            yield from _served(inner, prefix + _CONVERTER.sub("", path_of(route)))
        if _is_served_here(route, bool(inner)):
            yield _view(prefix + path_of(route), route)


def _is_served_here(route: Any, has_routes: bool) -> bool:
    if is_ours(route) or isinstance(getattr(route, "original_route", route), WebSocketRoute):
        return False
    return hasattr(route, "endpoint") or (isinstance(route, Mount) and not has_routes)


def _view(path: str, route: Any) -> View:
    return View(
        path,
        getattr(route, "endpoint", route.app),
        partial(getattr, route, "app"),
        partial(setattr, route, "app"),
        _wrapped,
    )


def _wrapped(app: App, wrap: Wrap) -> App:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # what is mounted may serve websockets, too
            await app(scope, receive, send)
            return

        async def view(request: Request) -> None:
            await app(scope, receive, send)

        await wrap(view)(Request(scope))

    return serve
