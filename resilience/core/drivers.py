"""What drives the engine: a thread, or a task on the app's own loop. Both are a few lines.

A driver takes what is due, hands it out, and sleeps until something else is. It never runs what
may hang: a thread leaves quick duties to a lane beside it, so that one that hangs after all holds
up no other. A task has no such choice, and runs them on the loop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from resilience.clock import Clock, stands_still
from resilience.core.execution import Executor
from resilience.core.loops import Held
from resilience.core.schedule import Duty, Schedule

if TYPE_CHECKING:
    from concurrent.futures import Future

LONGEST_NAP = 3600.0  # seconds; locks refuse to wait for ever


class Driver(Protocol):
    """What drives an engine."""

    @property
    def kind(self) -> str:
        """Return "thread" or "task"."""
        ...

    @property
    def alive(self) -> bool:
        """Whether it drives, or will as soon as it gets its turn."""
        ...

    def wake(self) -> None:
        """Look again at what is due; any thread may ask."""
        ...

    def end(self, last: Callable[[], object], until: float) -> None:
        """Drive no longer, do `last()`, and return at `time.monotonic() == until` at the latest."""
        ...


class Rounds:
    """What both drivers do in each round.

    Args:
        clock: tells what is due.
        schedule: has the duties.
        executor: runs them.
    """

    def __init__(self, clock: Clock, schedule: Schedule, executor: Executor) -> None:
        self._clock = clock
        self._schedule = schedule
        self.executor = executor

    def go(self, do: Callable[[Duty], None]) -> float:
        """Hand out what is due, the quick ones to `do`; return the seconds to sleep."""
        if stands_still(self._clock):
            return LONGEST_NAP  # it stands still: `tick` does what is due
        for duty in self._schedule.take_due(self._clock.monotonic()):
            if duty.blocking:
                self.executor.do_apart(duty)
            else:
                do(duty)
        wait = self._schedule.wait(self._clock.monotonic())
        return min(wait, self.executor.look(), LONGEST_NAP)


class ThreadDriver:
    """A daemon thread.

    Args:
        rounds: what to do.
    """

    kind = "thread"

    def __init__(self, rounds: Rounds) -> None:
        self._rounds = rounds
        self._news = threading.Event()
        self._begun = threading.Event()  # it was started, or could not be
        self._over = False
        self._last: list[Callable[[], object]] = []  # one at most; whoever takes it does it
        self._thread = threading.Thread(target=self._work, name="resilience-engine", daemon=True)

    def start(self) -> None:
        """Drive from now on.

        Raises:
            RuntimeError: the machine has no thread to give.
        """
        try:
            self._thread.start()
        finally:
            self._begun.set()

    @property
    def alive(self) -> bool:
        """Whether the thread is there, or about to be."""
        return self._thread.is_alive() or not self._begun.is_set()

    def wake(self) -> None:
        """Look again at what is due."""
        self._news.set()

    def end(self, last: Callable[[], object], until: float) -> None:
        """Drive no longer, and let the thread do `last()`.

        It is the thread that does it, because at the end of a process no other can be had: it may
        hang there, and the process ends nevertheless.
        """
        self._last.append(last)
        self._over = True
        self.wake()
        self._begun.wait(max(0.0, until - time.monotonic()))  # another thread may be starting it
        if self._thread.is_alive():
            self._thread.join(max(0.0, until - time.monotonic()))
        if not self._thread.is_alive():
            self._say_farewell()

    def _work(self) -> None:
        self._rounds.executor.keep_thread(True)  # the end of the process gives no new one
        while not self._over:
            self._news.clear()
            wait = self._rounds.go(self._rounds.executor.do_in_line)
            if not self._over:
                self._news.wait(wait)
        self._say_farewell()

    def _say_farewell(self) -> None:
        with suppress(IndexError):  # the other one has done it, or does
            self._last.pop()()


class TaskDriver:
    """A task on the loop that runs when this is made.

    Args:
        rounds: what to do.
    """

    kind = "task"

    def __init__(self, rounds: Rounds) -> None:
        import asyncio

        self._rounds = rounds
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._over = False
        self._until: float | None = None
        self._held = Held()

    @property
    def alive(self) -> bool:
        """Whether the loop is there; one may close without a word."""
        return not self._over and not self._loop.is_closed()

    def wake(self) -> None:
        """Look again at what is due."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._news.set)

    @property
    def is_here(self) -> bool:
        """Whether its loop runs in this thread."""
        import asyncio

        return asyncio._get_running_loop() is self._loop

    def adopt(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any] | None:
        """Run a coroutine on the loop; return what will have its outcome, None if that is gone."""
        return self._held.begin(coroutine, self._loop)

    def end(self, last: Callable[[], object], until: float) -> None:
        """Drive no longer, and do `last()` in the calling thread."""
        self._until, self._over = until, True
        self.wake()
        last()

    async def drive(self) -> None:
        """Be the task."""
        while not self._over:
            self._news.clear()
            wait = self._rounds.go(self._rounds.executor.do)
            if not self._over:
                await self._nap(wait)

    async def rest(self, longest: float) -> float:
        """Wait for the async duties under way, and cancel them when the time is up.

        Args:
            longest: seconds that it takes at most, unless `end` has said how long.

        Returns:
            `time.monotonic()` when the time is up.
        """
        self._over = True
        until = self._until or time.monotonic() + longest
        await self._held.end(until)
        return until

    async def _nap(self, longest: float) -> None:
        import asyncio

        try:
            async with asyncio.timeout(longest):
                await self._news.wait()
        except TimeoutError:
            return
