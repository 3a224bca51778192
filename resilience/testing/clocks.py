"""Clocks that tests hold in their hands."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from resilience.clock import SystemClock
from resilience.core.checks import duration
from resilience.core.demand import is_made
from resilience.systems import System

if TYPE_CHECKING:
    from resilience.settings import Settings


class ManualClock:
    """A clock that stands still until it is told to move.

    Args:
        start: monotonic seconds at first.
        wall: seconds since 1970-01-01 UTC at first; may be set at will, to jump.
    """

    def __init__(self, start: float = 0.0, wall: float = 1_750_000_000.0) -> None:
        self._now = float(start)
        self.wall = float(wall)

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        return self._now

    def time(self) -> float:
        """Return seconds since 1970-01-01 UTC."""
        return self.wall

    def advance(self, seconds: float | timedelta) -> None:
        """Let `seconds`, >= 0, pass on both times.

        Raises:
            ConfigurationError: time does not run back.
        """
        passed = duration("seconds", seconds)
        self._now += passed
        self.wall += passed

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once: what would wait goes on without waiting."""
        self.advance(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.advance(seconds)


class StoppableClock:
    """The machine's clock, which can be stopped and moved by hand, and then runs on from there.

    Its monotonic time never goes back: what was decided by it stays decided.
    """

    def __init__(self) -> None:
        self._machine = SystemClock()
        self._hand: ManualClock | None = None
        self._ahead = 0.0

    @property
    def stands_still(self) -> bool:
        """Whether it is stopped."""
        return self._hand is not None

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        return time.monotonic() + self._ahead if self._hand is None else self._hand.monotonic()

    def time(self) -> float:
        """Return seconds since 1970-01-01 UTC."""
        return time.time() if self._hand is None else self._hand.time()

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`; while it is stopped, at once."""
        (self._hand or self._machine).sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Return after `seconds`; while it is stopped, at once."""
        await (self._hand or self._machine).sleep_async(seconds)

    def advance(self, seconds: float | timedelta) -> None:
        """Let `seconds`, >= 0, pass on both times.

        Raises:
            RuntimeError: it runs by itself.
        """
        if self._hand is None:
            raise RuntimeError("this clock runs by itself: the fixture `resilience` stops it")
        self._hand.advance(seconds)

    def stop(self) -> None:
        """Stand still from now on."""
        self._hand = ManualClock(self.monotonic(), time.time())

    def go_on(self) -> None:
        """Run by itself again, from where it stands."""
        if self._hand is not None:
            self._ahead = max(self._ahead, self._hand.monotonic() - time.monotonic())
            self._hand = None


class StoppableSystem(System):
    """A system whose clock can be stopped; what the fixture `resilience` gives, to type checkers.

    Args:
        settings: as of `System`.
        random: where its chance comes from.
    """

    def __init__(
        self, settings: Settings | Mapping[str, Any] | None = None, *, random: Random | None = None
    ) -> None:
        super().__init__(settings, clock=StoppableClock(), random=random)

    @property
    def clock(self) -> StoppableClock:
        """Its clock, which runs by itself until it is stopped."""
        return make_stoppable(self)


def make_stoppable(system: System) -> StoppableClock:
    """Give a system a clock that can be stopped, and return it; the same one each time.

    Raises:
        RuntimeError: it has circuits already, which keep the clock that they were made with.
    """
    clock = system.runtime.clock
    if isinstance(clock, StoppableClock):
        return clock
    if is_made(system, "circuits"):
        raise RuntimeError(
            "the system's clock cannot be stopped any more: it had circuits before the pytest "
            "plugin `resilience` was loaded; load that first, by `-p resilience` (in addopts, too)"
        )
    made = StoppableClock()
    system.runtime.use_clock(made)
    return made
