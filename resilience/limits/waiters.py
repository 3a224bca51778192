"""Those who wait for a place: a thread at a latch, a task at a future of its own loop."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

from resilience.core.deadline import Deadline
from resilience.limits.pace import nap

if TYPE_CHECKING:
    import asyncio


class Waiter(Protocol):
    """One who waits.

    Args:
        granted: it was given a place; set and read under the bulkhead's lock.
    """

    granted: bool

    def wake(self) -> None:
        """Let it go on, from any thread; raises `RuntimeError` where it never can."""


class ThreadWaiter:
    """A thread that waits.

    Args:
        until: when it gives up.
        pace: seconds between two looks at the clock.
    """

    __slots__ = ("_latch", "_pace", "_until", "granted")

    def __init__(self, until: Deadline, pace: float) -> None:
        self.granted = False
        self._until = until
        self._pace = pace
        self._latch = threading.Lock()
        self._latch.acquire()

    def wake(self) -> None:
        """Let the thread go on."""
        self._latch.release()

    def wait(self) -> None:
        """Return when it was woken, or its time is up."""
        left = self._until.remaining()
        while left > 0.0 and not self._latch.acquire(timeout=nap(left, self._pace)):
            left = self._until.remaining()


class TrioWaiter:
    """A task of trio's that waits.

    Args:
        until: when it gives up.
        pace: seconds between two looks at the clock.
        trio: the library.
    """

    __slots__ = ("_event", "_pace", "_token", "_trio", "_until", "granted")

    def __init__(self, until: Deadline, pace: float, trio: Any) -> None:
        self.granted = False
        self._until = until
        self._pace = pace
        self._trio = trio
        self._event = trio.Event()
        self._token = trio.lowlevel.current_trio_token()

    def wake(self) -> None:
        """Let the task go on, from any thread."""
        self._token.run_sync_soon(self._event.set)

    async def wait(self) -> None:
        """Return when it was woken, or its time is up."""
        while not self._event.is_set() and (left := self._until.remaining()) > 0.0:
            with self._trio.move_on_after(nap(left, self._pace)):
                await self._event.wait()


class TaskWaiter:
    """A task that waits, on its own loop.

    Args:
        until: when it gives up.
        pace: seconds between two looks at the clock.
        loop: the loop that runs the task.
    """

    __slots__ = ("_future", "_loop", "_pace", "_timer", "_until", "granted")

    def __init__(self, until: Deadline, pace: float, loop: asyncio.AbstractEventLoop) -> None:
        self.granted = False
        self._until = until
        self._pace = pace
        self._loop = loop
        self._future: asyncio.Future[None] = loop.create_future()
        self._timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """Let the task go on; its loop may run in another thread, or be closed."""
        self._loop.call_soon_threadsafe(self._go_on)

    async def wait(self) -> None:
        """Return when it was woken, or its time is up."""
        self._look()
        try:
            await self._future
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _look(self) -> None:
        left = self._until.remaining()
        if left > 0.0:
            self._timer = self._loop.call_later(nap(left, self._pace), self._look)
        else:
            self._go_on()

    def _go_on(self) -> None:
        if not self._future.done():  # else it was cancelled, or both reasons came at once
            self._future.set_result(None)
