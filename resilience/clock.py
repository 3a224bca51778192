"""The two times that the system reads: one that only runs on, and the one on the wall."""

from __future__ import annotations

import sys
import time as _time
from typing import Any, Protocol


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
        if (trio := trio_here()) is not None:
            await trio.sleep(seconds)
            return
        import asyncio  # who calls this has it loaded

        await asyncio.sleep(seconds)


def trio_here() -> Any:
    """Return trio where a task of its runs this code, and no loop of asyncio; else None."""
    trio, asyncio = sys.modules.get("trio"), sys.modules.get("asyncio")
    if trio is None or (asyncio is not None and asyncio._get_running_loop() is not None):
        return None
    return trio if trio.lowlevel.in_trio_task() else None


def stands_still(clock: Clock) -> bool:
    """Tell whether a clock is moved by hand, so that nothing is to happen in the background."""
    return bool(getattr(clock, "stands_still", not isinstance(clock, SystemClock)))
