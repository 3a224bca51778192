"""The routes of an app: which views there are, and which of them a request has found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from starlette.routing import Match, Mount

from resilience.web.asgi import Scope, path_below_root


def views(routes: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and the view of every route, also below mounts and in included routers."""
    for route in routes:
        if hasattr(route, "effective_route_contexts"):  # a router that FastAPI has included
            yield from views(route.effective_route_contexts(), prefix)
        path = prefix + path_of(route)
        if hasattr(route, "endpoint"):
            yield path, route.endpoint
        yield from views(getattr(route, "routes", None) or (), path)


def path_of(route: Any) -> str:
    """Return the template of a route's path; "" where it goes by something else."""
    path: str = getattr(route, "path", "")
    return path


def serves(route: Any, path: str) -> bool:
    """Tell whether a route takes requests for a path."""
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []}
    return route.matches(scope)[0] is not Match.NONE


def view_of(scope: Scope) -> Any:
    """Return the view that is to serve a request, which the app has not looked at; None: none."""
    app = scope.get("app")
    # A copy: FastAPI's routes note in the scope what they found.
    return None if app is None else _matching(app.router.routes, dict(scope))


def _matching(routes: Iterable[Any], scope: Scope) -> Any:
    for route in routes:
        match, found = route.matches(scope)
        if match is Match.FULL:
            if hasattr(route, "effective_route_contexts"):
                return _matching(route.effective_route_contexts(), scope)
            inner = getattr(route, "routes", None)
            return _matching(inner, {**scope, **found}) if inner else found.get("endpoint")
    return None


def template(scope: Scope) -> str:
    """Return the template of the route that answers, such as `/orders/{order:int}`; "" for none.

    Below mounts it has their prefix; what a mounted app serves by itself counts as the mount's.
    """
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return ""
    route = _route(scope, endpoint)
    if route is None or isinstance(route, Mount):  # no route of its own: a mounted app's answer
        return _prefix(scope, {})
    return _prefix(scope, route.param_convertors) + path_of(route)


def _route(scope: Scope, endpoint: Any) -> Any:
    # Of a route in an included router FastAPI keeps the path as the app has it apart.
    included = kept(scope.get("fastapi", {}).get("effective_route_context"))
    if getattr(included, "endpoint", None) is endpoint:
        return included
    if "route" in scope:
        return scope["route"]
    return _serving(endpoint, path_below_root(scope), scope["router"].routes)


def kept(route: Any) -> Any:
    """Return a route, or what FastAPI keeps of one in an included router that is not of its own."""
    return getattr(route, "starlette_route", None) or route


def _serving(endpoint: Any, path: str, routes: Iterable[Any]) -> Any:
    """Return the route of a view; for Starlette before 1.8, whose scope does not name it.

    Args:
        endpoint: the view, or the app that is mounted.
        path: the path below the last mount; a view may have several routes.
        routes: where to look.
    """
    for route in routes:
        if endpoint is getattr(route, "app", None):
            return route
        if endpoint is getattr(route, "endpoint", None) and route.path_regex.match(path):
            return route
        found = _serving(endpoint, path, getattr(route, "routes", None) or ())
        if found is not None:
            return found
    return None


def _prefix(scope: Scope, own: Mapping[str, Any]) -> str:
    """Return the templates of the mounts passed; "" if a value cannot be told from the text.

    Args:
        scope: the request.
        own: the parameters of the route itself, by name.
    """
    if "app_root_path" not in scope:
        return ""
    values = {str(value): name for name, value in scope["path_params"].items() if name not in own}
    parts = scope["root_path"].removeprefix(scope["app_root_path"]).split("/")
    if not values.keys() <= set(parts):
        return ""
    return "/".join(f"{{{values[part]}}}" if part in values else part for part in parts)
