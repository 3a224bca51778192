"""The endpoints, as routes of an app or of a mount."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from resilience import System
from resilience import system as default_system
from resilience.web import endpoints
from resilience.web.asgi import Receive, Scope, Send, respond
from resilience_starlette.admin import Admin, admin_routes
from resilience_starlette.state import Authorize, Given, State, state_of


def routes(
    *,
    system: System = default_system,
    authorize: Authorize | None = None,
    settings: Given = None,
) -> list[BaseRoute]:
    """Return the endpoints, for an app's own routes or a mount's.

    Args:
        system: what they report.
        authorize: takes the request, returns who may see details in `/health`, or None; sync or
            async; without it nobody sees them.
        settings: as for `Resilience`.

    Raises:
        ConfigurationError: a setting is refused, or `authorize` is no function.
    """
    return routes_of(state_of(system, authorize, settings, "routes()"))


def routes_of(state: State) -> list[BaseRoute]:
    """Return the endpoints of an app's state, named `resilience:health` and so on."""
    if not state.web.endpoints:
        return []
    return [
        *[
            Route(path, Endpoint(state, path), name=f"resilience:{name}", include_in_schema=False)
            for name, path in endpoints.named(state.web).items()
        ],
        *admin_routes(state),
    ]


def is_ours(route: BaseRoute) -> bool:
    """Tell whether a route is one of ours."""
    return isinstance(route, Route) and isinstance(route.endpoint, Endpoint | Admin)


class Endpoint:
    """One endpoint; an ASGI app rather than a function, so that it answers every method itself."""

    def __init__(self, state: State, path: str) -> None:
        self._state = state
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request from memory."""
        answer = await self._state.answer(scope, self._path)
        assert answer is not None
        await respond(answer, send)
