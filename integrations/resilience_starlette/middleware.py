"""The ASGI layers around an app."""

from __future__ import annotations

from collections.abc import Awaitable
from math import inf
from time import monotonic
from typing import Any

from starlette.middleware.exceptions import ExceptionMiddleware

from resilience import ConfigurationError, System
from resilience import system as default_system
from resilience.web import endpoints
from resilience.web.asgi import (
    Answers,
    App,
    Receive,
    Refusal,
    Scope,
    Send,
    passage_of,
    passing,
    path_below_root,
    respond,
)
from resilience_starlette.handlers import refusing, register
from resilience_starlette.routing import template, view_of
from resilience_starlette.state import Authorize, Given, State, state_of
from resilience_starlette.views import views_inside


class Edge:
    """The outermost layer: each request's passage begins and ends here.

    Args:
        app: what it is around.
        state: what the app was set up with.
    """

    def __init__(self, app: App, state: State) -> None:
        self.app = app
        self._state = state
        self._ensure_at = -inf
        # Layers are made when an app starts: by now all that decorators make is there.
        state.system.warn_of_unknown()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a connection; what it returns is to be awaited, as one frame less is quicker."""
        state, kind = self._state, scope["type"]
        if kind != "lifespan" and (now := monotonic()) >= self._ensure_at:
            # Once a second is enough to see to it that the engine runs in this process.
            self._ensure_at = now + 1.0
            state.system.ensure()
        if kind != "http":
            return self.app(scope, receive, send)
        if state.web.probe_first and path_below_root(scope) in endpoints.PROBES:
            return self._probe(scope, receive, send)
        passage = passage_of(scope, state.system, state.web, receive, template)
        return passing(passage, self.app, scope, receive, send, template)

    async def _probe(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = self._state
        probe = await state.answer(scope, path_below_root(scope))
        if probe is not None:
            await respond(probe, send)
            return
        passage = passage_of(scope, state.system, state.web, receive, template)
        await passing(passage, self.app, scope, receive, send, template)


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
            self._edge: App = Edge(Answers(app, view_of, refusing), state)
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
        if isinstance(app, ResilienceMiddleware | Answers | Edge):
            raise ConfigurationError(
                "ResilienceMiddleware is around this app already: give it once, "
                "or call Resilience(app) and leave it out"
            )
        if isinstance(app, ExceptionMiddleware):
            register(app._exception_handlers)
        app = getattr(app, "app", None)
