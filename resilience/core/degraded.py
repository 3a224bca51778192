"""Which parts of the present request were answered by something else than the real thing."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token


class Marks(dict[str, str]):
    """What was marked in one request, `{component: how}`.

    How is "stale" or "fallback" for an answer of something else, "off" or "limited" for a feature
    that is stepped down.
    """

    _drawn: float | None = None

    def chance(self, draw: Callable[[], float]) -> float:
        """Return what `draw()` gave when the request first asked, so that it stays by it."""
        if self._drawn is None:
            self._drawn = draw()
        return self._drawn


_marks: ContextVar[dict[str, str] | None] = ContextVar("resilience_degraded", default=None)


def resume(marks: dict[str, str]) -> Token[dict[str, str] | None]:
    """Put what is marked from now on, also in tasks and threads, into a request's `marks`."""
    return _marks.set(marks)


def end(token: Token[dict[str, str] | None]) -> None:
    """Return to the marks that `resume` found."""
    _marks.reset(token)


def mark(component: str, how: str) -> None:
    """Note that `component` was stood in for; nothing happens outside a request."""
    marks = _marks.get()
    if marks is not None:
        marks[component] = how


def marks() -> dict[str, str]:
    """Return what was marked in the present request."""
    return _marks.get() or {}


def chance(draw: Callable[[], float]) -> float | None:
    """Return a number by chance, the same for all of the present request; None outside of one."""
    marks = _marks.get()
    return marks.chance(draw) if isinstance(marks, Marks) else None
