"""The extension: what it adds to an app, and what it needs to know for that."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.routing import BaseRoute

from resilience import ConfigurationError, System
from resilience import system as default_system
from resilience.web.asgi import App, Refusal
from resilience.web.lifespan import lifespan
from resilience.web.openapi import add_responses
from resilience.web.views import warn_of_bypassed
from resilience_starlette.handlers import marking, register
from resilience_starlette.middleware import ResilienceMiddleware, edge_of
from resilience_starlette.routing import path_of, serves, views
from resilience_starlette.serving import is_ours, routes_of
from resilience_starlette.state import Authorize, Given, State, state_of
from resilience_starlette.views import views_of

NAME = "resilience"
"""Where `app.state` has the app's state."""


class Resilience:
    """Makes Starlette and FastAPI apps answer rejected calls well, and serve their health.

    It holds nothing of an app, and so serves any number of them; what belongs to an app is in
    its `app.state.resilience`.

    Args:
        app: the app to set up at once; or call `init_app` later.
        system: whose circuits the app reports and configures.
        authorize: takes the request, returns who may see details in `/health`, or None; sync or
            async; without it nobody sees them.
        settings: a dict such as `{"circuits": {"payments": {"reset_timeout": 10}}}`, the path of
            a TOML file of that shape, or `Settings`; `RESILIENCE__…` in the environment is over
            the first two.

    Raises:
        ConfigurationError: as for `init_app`.
    """

    def __init__(
        self,
        app: Starlette | None = None,
        *,
        system: System = default_system,
        authorize: Authorize | None = None,
        settings: Given = None,
    ) -> None:
        self._system = system
        self._authorize = authorize
        self._settings = settings
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Starlette) -> None:
        """Set up `app`: settings, endpoints, middleware, lifespan; starts nothing.

        Raises:
            ConfigurationError: a setting is refused, `authorize` is no function, or the app is
                set up already, or has begun to serve.
        """
        _check(app)
        state = state_of(self._system, self._authorize, self._settings, name_of(app))
        router = app.router
        router.routes += routes_of(state)
        router.lifespan_context = partial(
            lifespan, system=state.system, within=router.lifespan_context
        )
        # Layers added after this one are to be inside it, too: it is put on when all are there.
        build: Callable[[], App] = app.build_middleware_stack
        app.build_middleware_stack = partial(_around, app, state, build)  # type: ignore[method-assign]
        _document(app)
        state.system.views.add(app, views_of)
        setattr(app.state, NAME, state)


def name_of(app: Starlette) -> str:
    """Return what messages call an app."""
    return f"app {getattr(app, 'title', type(app).__name__)!r}"


def _check(app: Starlette) -> None:
    if not isinstance(app, Starlette):
        raise ConfigurationError(f"Resilience({app!r}): give a Starlette or FastAPI app")
    if hasattr(app.state, NAME):
        raise ConfigurationError(
            f"{name_of(app)} is set up already: call Resilience(app) or init_app(app) once"
        )
    if app.middleware_stack is not None:
        raise ConfigurationError(
            f"{name_of(app)} has begun to serve: call Resilience(app) where the app is made"
        )


def _around(app: Starlette, state: State, build: Callable[[], App]) -> App:
    """Return the app's layers with ours around them, once all of the app is there."""
    layers: list[Any] = [each.cls for each in app.user_middleware]
    if ResilienceMiddleware in layers:
        return Refusal(
            ConfigurationError(
                f"{name_of(app)} has ResilienceMiddleware and Resilience(app): leave one out"
            )
        )
    _place(app.router.routes)
    warn_of_bypassed(state.system, views(app.routes))
    register(app.exception_handlers)
    # Around all other layers, for what is raised in them; inside the one that answers every error
    # with 500.
    app.user_middleware.insert(0, Middleware(edge_of, state=state))
    made = build()
    if isinstance(made, ServerErrorMiddleware):
        made.handler = marking(made.handler or made.error_response)
    return made


def _place(routes: list[BaseRoute]) -> None:
    """Put our routes behind the app's own, but before one that serves every path there is.

    A path for which the app has a route is left to it. In front ours would cost every request.
    """
    own = [each for each in routes if not is_ours(each)]
    taken = {path for path, _ in views(own)}
    ours = [each for each in routes if is_ours(each) and path_of(each) not in taken]
    catching = (
        place for place, each in enumerate(own) if any(serves(each, path_of(our)) for our in ours)
    )
    place = next(catching, len(own))
    routes[:] = [*own[:place], *ours, *own[place:]]


def _document(app: Any) -> None:
    """Let the app's OpenAPI document, if it has one, tell of our answers."""
    describe = getattr(app, "openapi", None)
    if describe is not None:
        app.openapi = lambda: add_responses(describe())
