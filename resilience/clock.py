"""The two times that the system reads: one that only runs on, and the one on the wall."""

from __future__ import annotations

import time as _time
from typing import Protocol


class Clock(Protocol):
    """What tells the time, in seconds."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never goes back. All decisions are made by it."""
        ...

    def time(self) -> float:
        """Seconds since 1970-01-01 UTC; may jump. Only for people to read."""
        ...

    def sleep(self, seconds: float, /) -> None:
        """Return after `seconds`, >= 0."""

    async def sleep_async(self, seconds: float) -> None:
        """Return after `seconds`, >= 0, letting other tasks run."""


class SystemClock:
    """The machine's own clocks, without a Python frame in between."""

    __slots__ = ()

    monotonic = staticmethod(_time.monotonic)
    sleep = staticmethod(_time.sleep)
    time = staticmethod(_time.time)  # last: from here on `time` is this

    async def sleep_async(self, seconds: float) -> None:
        """Sleep on the running loop."""
        import asyncio  # who calls this has it loaded

        await asyncio.sleep(seconds)


def stands_still(clock: Clock) -> bool:
    """Tell whether a clock is moved by hand, so that nothing is to happen in the background."""
    return bool(getattr(clock, "stands_still", not isinstance(clock, SystemClock)))
