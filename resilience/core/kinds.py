"""What kind of function something is, and so how a guard has to run it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from functools import partial
from types import MethodType
from typing import Any


class Kind(Enum):
    """How a call gives its answer."""

    SYNC = "function"
    ASYNC = "async function"
    GENERATOR = "generator function"
    ASYNC_GENERATOR = "async generator function"

    @property
    def one(self) -> str:
        """One of that kind, as messages say it: "an async function"."""
        return f"{'an' if self.value.startswith('a') else 'a'} {self.value}"


_TESTS: tuple[tuple[Callable[[Any], bool], Kind], ...] = (
    (inspect.iscoroutinefunction, Kind.ASYNC),
    (inspect.isasyncgenfunction, Kind.ASYNC_GENERATOR),
    (inspect.isgeneratorfunction, Kind.GENERATOR),
)


def kind_of(call: Callable[..., Any]) -> Kind:
    """Return the kind of a function, method, partial, or callable object."""
    inner: Any = call
    while isinstance(inner, partial):
        inner = inner.func
    candidates = [inner]
    if not inspect.isroutine(inner) and not isinstance(inner, MethodType):
        candidates.append(getattr(inner, "__call__", None))  # noqa: B004 - its kind is asked
    for test, kind in _TESTS:
        if any(test(each) for each in candidates):
            return kind
    return Kind.SYNC
