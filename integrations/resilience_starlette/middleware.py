"""The ASGI layer around an app."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.middleware.exceptions import ExceptionMiddleware

from resilience import ConfigurationError, System
from resilience import system as default_system
from resilience.web import endpoints
from resilience.web.answers import Answer
from resilience.web.asgi import (
    App,
    AsgiPassage,
    Edge,
    Receive,
    Refusal,
    Scope,
    Send,
    path_below_root,
)
from resilience.web.passage import Site
from resilience_starlette.handlers import refusing, register
from resilience_starlette.routing import template, view_of
from resilience_starlette.state import Authorize, Given, State, state_of
from resilience_starlette.views import views_inside


class StarlettePassage(AsgiPassage):
    """The passage of a request to a Starlette or FastAPI app."""

    def find_route(self) -> str:
        """Return the template of the route as it is known by now; "" for none."""
        scope = self.source
        route = scope.get("route")
        if route is None or "app_root_path" in scope or "fastapi" in scope:
            return template(scope)
        # Neither below a mount nor in an included router, as most are.
        path: str = getattr(route, "path", "")
        return path


def edge_of(app: App, state: State) -> Edge:
    """Return the layer around an app.

    Args:
        app: what it is around.
        state: what the app was set up with.
    """
    # Layers are made when an app starts: by now all that decorators make is there.
    state.system.warn_of_unknown()
    probe = partial(_probe, state) if state.web.probe_first else None
    site = Site(state.system, state.web)
    return Edge(app, site, StarlettePassage, view_of, refusing, probe)


async def _probe(state: State, scope: Scope) -> Answer | None:
    path = path_below_root(scope)
    return await state.answer(scope, path) if path in endpoints.PROBES else None


class ResilienceMiddleware:
    """What `Resilience(app)` puts around an app, for `middleware=[Middleware(…)]`.

    Put it first. It answers rejected calls and sends `X-Degraded`; endpoints are `routes()`, and
    the engine's life is `lifespan`.

    Args:
        app: the app it is around; the framework gives it.
        system: whose guards the app uses.
        authorize: takes the request, returns who may see details, or None; matters with
            `probe_first` only.
        settings: as for `Resilience`.

    Raises:
        ConfigurationError: a setting is refused, or the app has such a layer already; when the
            app starts, as that is when frameworks make their layers.
    """

    def __init__(
        self,
        app: App,
        *,
        system: System = default_system,
        authorize: Authorize | None = None,
        settings: Given = None,
    ) -> None:
        self.app = app
        try:
            _look_through(app)
            state = state_of(system, authorize, settings, "ResilienceMiddleware")
            state.system.views.add(self, views_inside)
            self._edge: App = edge_of(app, state)
        except ConfigurationError as error:
            self._edge = Refusal(error)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        await self._edge(scope, receive, send)


def _look_through(app: Any) -> None:
    """Look through the layers of an app: no other is ours, and the innermost answers errors.

    Raises:
        ConfigurationError: one of them is.
    """
    while app is not None:
        if isinstance(app, ResilienceMiddleware | Edge):
            raise ConfigurationError(
                "ResilienceMiddleware is around this app already: give it once, "
                "or call Resilience(app) and leave it out"
            )
        if isinstance(app, ExceptionMiddleware):
            register(app._exception_handlers)
        app = getattr(app, "app", None)
