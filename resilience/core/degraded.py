"""Which parts of the present request were answered by something else than the real thing."""

from __future__ import annotations

from contextvars import ContextVar, Token

Marks = dict[str, str]
"""`{component: how}`; how is "stale" or "fallback"."""

_marks: ContextVar[Marks | None] = ContextVar("resilience_degraded", default=None)


def resume(marks: Marks) -> Token[Marks | None]:
    """Put what is marked from now on, also in tasks and threads, into a request's `marks`."""
    return _marks.set(marks)


def end(token: Token[Marks | None]) -> None:
    """Return to the marks that `resume` found."""
    _marks.reset(token)


def mark(component: str, how: str) -> None:
    """Note that `component` was stood in for; nothing happens outside a request."""
    marks = _marks.get()
    if marks is not None:
        marks[component] = how


def marks() -> Marks:
    """Return what was marked in the present request."""
    return _marks.get() or {}
