"""How long a fault may go on without its runner saying that it is still there."""

from __future__ import annotations

from resilience.clock import Clock

LASTS = 15.0
"""Seconds from one word of the runner to the end of the fault."""


class Lease:
    """The right of an experiment to inject faults; it ends by itself.

    Args:
        clock: tells the time.
        ends: monotonic seconds at which it is over in any case.
        lasts: seconds, > 0, that it goes on after each renewal.
    """

    __slots__ = ("_clock", "_lasts", "ends", "until")

    def __init__(self, clock: Clock, ends: float, lasts: float = LASTS) -> None:
        self._clock = clock
        self._lasts = lasts
        self.ends = ends
        self.until = 0.0
        self.renew()

    def renew(self) -> None:
        """Say that the runner is there; one that is over stays over."""
        self.until = min(self.ends, self._clock.monotonic() + self._lasts)

    def end(self) -> None:
        """End it now."""
        self.ends = self.until = float("-inf")

    def holds(self) -> bool:
        """Tell whether faults may be injected at this moment."""
        return self._clock.monotonic() < self.until
