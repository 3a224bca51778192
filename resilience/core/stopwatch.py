"""What the calls of one kind cost: how many were asked for, how many were made, for how long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from resilience.clock import Clock


class Stopwatch:
    """Adds up calls and their seconds; all numbers only grow.

    Any thread may use it without a lock: what two of them overwrite is one call of many.

    Args:
        clock: tells the time.

    Attributes:
        asked: calls that were asked for, made or not.
        made: those that were made, and have ended.
        seconds: how long they took, all added up.
    """

    __slots__ = ("_clock", "asked", "made", "seconds")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.asked = self.made = 0
        self.seconds = 0.0

    def start(self) -> float:
        """Return what `stop` has to be given when the call has ended."""
        return self._clock.monotonic()

    def stop(self, started: float) -> None:
        """Count a call that has ended, well or not."""
        self.made += 1
        self.seconds += self._clock.monotonic() - started

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count the block as a call."""
        started = self.start()
        try:
            yield
        finally:
            self.stop(started)
