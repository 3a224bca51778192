"""The moment by which the present work has to be done, carried in a context variable."""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar, Token

from resilience.clock import Clock
from resilience.core.request import present


class Deadline:
    """A moment on a clock.

    Args:
        seconds: how long it was from its beginning, > 0.
        clock: the clock it is told by.
        asked: it was asked for from outside, by whoever sent the request.
        outer: the one in force around it, no earlier.
        since: monotonic seconds when it began; None: now.
    """

    __slots__ = ("asked", "at", "clock", "is_over", "outer", "seconds")

    def __init__(
        self,
        seconds: float,
        clock: Clock,
        *,
        asked: bool = False,
        outer: Deadline | None = None,
        since: float | None = None,
    ) -> None:
        self.seconds = seconds
        self.at = (clock.monotonic() if since is None else since) + seconds
        self.clock = clock
        self.asked = asked
        self.outer = outer
        self.is_over = False

    def remaining(self) -> float:
        """Return the seconds left; negative when it has passed."""
        return self.at - self.clock.monotonic()

    def finish(self) -> None:
        """Hear that the work it was set for is done: what that left running is bound no longer.

        Its tasks keep their context, and a listener begun by a request outlives it for days. Work
        that ran out of time stays bound: its thread is to stop as soon as it looks.
        """
        self.is_over = self.remaining() > 0.0


_current: ContextVar[Deadline | None] = ContextVar("resilience_deadline", default=None)


def current() -> Deadline | None:
    """Return the deadline of the present work, if it has one; or the request's, if sooner."""
    found, request = _current.get(), present.get()
    # First, as this may find that it is over; it may be around the others.
    requests = None if request is None else request.deadline
    while found is not None and found.is_over:
        found = found.outer
    return sooner(found, requests)


def sooner(one: Deadline | None, other: Deadline | None) -> Deadline | None:
    """Return the deadline that comes first, the one of two at once; None where neither is one."""
    if one is None or other is None:
        return other if one is None else one
    if one.clock is other.clock:
        return one if one.at <= other.at else other
    return one if one.remaining() <= other.remaining() else other


def remaining() -> float | None:
    """Return the seconds left for the present work, >= 0.0; None: as long as it likes."""
    deadline = current()
    return None if deadline is None else max(0.0, deadline.remaining())


def within(seconds: float, clock: Clock) -> Deadline:
    """Return a deadline `seconds` from now; the one in force if that is no later."""
    outer = current()
    if outer is not None and outer.remaining() <= seconds:
        return outer
    return Deadline(seconds, clock, outer=outer)


def begin(seconds: float, clock: Clock) -> Token[Deadline | None]:
    """Set a deadline `seconds` from now; never later than the one already in force."""
    return _current.set(within(seconds, clock))


def end(token: Token[Deadline | None]) -> None:
    """Return to the deadline that `begin` found."""
    with suppress(ValueError):  # a dropped coroutine is closed in another context, with its own
        _current.reset(token)
