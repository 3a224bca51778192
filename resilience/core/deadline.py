"""The moment by which the present work has to be done, carried in a context variable."""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar, Token

from resilience.clock import Clock


class Deadline:
    """A moment on a clock.

    Args:
        seconds: how long it was from its beginning, > 0.
        clock: the clock it is told by.
        asked: it was asked for from outside, by whoever sent the request.
    """

    __slots__ = ("asked", "at", "clock", "seconds")

    def __init__(self, seconds: float, clock: Clock, *, asked: bool = False) -> None:
        self.seconds = seconds
        self.at = clock.monotonic() + seconds
        self.clock = clock
        self.asked = asked

    def remaining(self) -> float:
        """Return the seconds left; negative when it has passed."""
        return self.at - self.clock.monotonic()


_current: ContextVar[Deadline | None] = ContextVar("resilience_deadline", default=None)


def current() -> Deadline | None:
    """Return the deadline of the present work, if it has one."""
    return _current.get()


def remaining() -> float | None:
    """Return the seconds left for the present work, >= 0.0; None: as long as it likes."""
    deadline = _current.get()
    return None if deadline is None else max(0.0, deadline.remaining())


def within(seconds: float, clock: Clock, *, asked: bool = False) -> Deadline:
    """Return a deadline `seconds` from now; the one in force if that is no later."""
    outer = _current.get()
    if outer is not None and outer.remaining() <= seconds:
        return outer
    return Deadline(seconds, clock, asked=asked)


def begin(seconds: float, clock: Clock) -> Token[Deadline | None]:
    """Set a deadline `seconds` from now; never later than the one already in force."""
    return _current.set(within(seconds, clock))


def resume(deadline: Deadline) -> Token[Deadline | None]:
    """Set a deadline that began earlier, perhaps in another context."""
    return _current.set(deadline)


def end(token: Token[Deadline | None]) -> None:
    """Return to the deadline that `begin` or `resume` found."""
    with suppress(ValueError):  # a dropped coroutine is closed in another context, with its own
        _current.reset(token)
