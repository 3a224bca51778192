"""Which parts of the present request were answered by something else than the real thing."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token


class Marks(dict[str, str]):
    """What was marked in one request, `{component: how}`.

    How is "stale" or "fallback" for an answer of something else, "off" or "limited" for a feature
    that is stepped down.
    """

    __slots__ = ("_drawn",)
    _drawn: float

    def chance(self, draw: Callable[[], float]) -> float:
        """Return what `draw()` gave when the request first asked, so that it stays by it."""
        try:
            return self._drawn
        except AttributeError:
            self._drawn = drawn = draw()
            return drawn


_marks: ContextVar[dict[str, str] | None] = ContextVar("resilience_degraded", default=None)


# Every request does these two: they are the variable's own, without a frame around them.
resume: Callable[[dict[str, str]], Token[dict[str, str] | None]] = _marks.set
"""Put what is marked from now on, also in tasks and threads, into a request's marks."""

end = _marks.reset
"""Return to the marks that `resume` found, by what it returned."""


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
