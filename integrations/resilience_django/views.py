"""The views of a project, by their routes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial, update_wrapper
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.urls import URLPattern, get_resolver

from resilience.core.views import View, wrapped

_OURS = "resilience_django."


def views_of(_: object) -> Iterator[View]:
    """Yield the views of the project's URLs, without our own; one for each route that it serves."""
    resolver: Any = get_resolver()
    # Django looks names up by the views themselves: it is to do so before any is exchanged.
    resolver.reverse_dict  # noqa: B018
    yield from _served(resolver.url_patterns, "")


def views() -> list[tuple[str, Any]]:
    """Return the route and the view of each, as the project's author registered them."""
    return [(view.route, view.call) for view in views_of(None)]


def _served(patterns: Iterable[Any], prefix: str) -> Iterator[View]:
    for pattern in patterns:
        own = str(pattern.pattern)
        route = prefix + (own.removeprefix("^") if prefix else own)  # as `ResolverMatch` joins them
        if not isinstance(pattern, URLPattern):
            yield from _served(pattern.url_patterns, route)
        elif not (getattr(pattern.callback, "__module__", None) or "").startswith(_OURS):
            yield View(
                f"/{route}",
                pattern.callback,
                partial(getattr, pattern, "callback"),
                partial(setattr, pattern, "callback"),
                _wrapped,
            )


def _wrapped(view: Callable[..., Any], wrap: Callable[..., Any]) -> Callable[..., Any]:
    if not iscoroutinefunction(view):
        return wrapped(view, wrap)

    async def awaited(*args: Any, **kwargs: Any) -> Any:  # a class-based view only says it is async
        return await view(*args, **kwargs)

    return update_wrapper(wrap(awaited), view)
