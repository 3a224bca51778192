"""How much a request matters when not all can be served."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from resilience.core.guard import guard_of, name_of
from resilience.errors import DecorationError
from resilience.limits.load import Criticality
from resilience.settings import WebSettings

V = TypeVar("V", bound=Callable[..., Any])

_ATTRIBUTE = "__resilience_criticality__"


def critical(view: V) -> V:
    """Mark a view, or a class of views: its requests are served whatever the load is.

    Above or below other decorators, as long as those use `functools.wraps`.

    Raises:
        DecorationError: it is nothing that can be marked, or marked otherwise.
    """
    return _marked(view, Criticality.CRITICAL)


def sheddable(view: V) -> V:
    """Mark a view, or a class of views: its requests are the first to be turned away.

    Raises:
        DecorationError: it is nothing that can be marked, or marked otherwise.
    """
    return _marked(view, Criticality.SHEDDABLE)


def criticality_of(view: Any, method: str = "") -> Criticality:
    """Return what a view was marked as, also behind other decorators; else `NORMAL`.

    Args:
        view: a function, or what `as_view` made of a class.
        method: the request's, in any case: a class of views may mark its methods.
    """
    owner = getattr(view, "view_class", None)
    in_class = None if owner is None else getattr(owner, method.lower(), None)
    for each in (in_class, view, owner):
        found = _mark_of(each)
        if found is not None:
            return found
    return Criticality.NORMAL


def criticality_by_path(web: WebSettings, path: str) -> Criticality | None:
    """Return what the settings say of a path; None: nothing. Critical ones win."""
    if any(each.fullmatch(path) for each in _compiled(web.critical)):
        return Criticality.CRITICAL
    if any(each.fullmatch(path) for each in _compiled(web.sheddable)):
        return Criticality.SHEDDABLE
    return None


@lru_cache(maxsize=64)
def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(each) for each in patterns)


def _mark_of(view: Any) -> Criticality | None:
    for _ in range(100):  # as deep as decorators go; somebody may have made a ring
        if view is None:
            return None
        found = getattr(view, _ATTRIBUTE, None)
        if isinstance(found, Criticality):
            return found
        view = getattr(view, "__wrapped__", None) or getattr(view, "func", None)
    return None


def _marked(view: V, criticality: Criticality) -> V:
    name = f"@{criticality.name.lower()}"
    if isinstance(view, property) or not (callable(view) or hasattr(view, "__func__")):
        raise DecorationError(f"{name} on {view!r}: put it on a view, without arguments")
    before = _mark_of(view)
    if before not in (None, criticality):
        raise DecorationError(
            f"{name} on {name_of(view)}, which is @{before.name.lower()}: give one of both"
        )
    for each in _bearers(view):
        _set(each, criticality, name)
    return view


def _bearers(view: Any) -> list[Any]:
    """Return the view, and the function inside its guard: of that a guard is built anew."""
    target = getattr(view, "__func__", view)
    guard = guard_of(target)
    inside = guard is not None and getattr(target, "__wrapped__", None) is guard.call
    return [guard.call, target] if guard is not None and inside else [target]


def _set(view: Any, criticality: Criticality, name: str) -> None:
    try:
        setattr(view, _ATTRIBUTE, criticality)
    except (AttributeError, TypeError):
        raise DecorationError(
            f"{name} on {view!r}, which takes no mark: mark a function that calls it"
        ) from None
