"""The background engine: what a process does besides its requests.

One for a system in each process that serves: begun by its first request or by `System.start`,
never before a fork, never by an import. What is due is for `schedule.py` to say, what wakes it is
in `drivers.py`, where things run in `execution.py`.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from resilience.clock import Clock, stands_still
from resilience.core.drivers import Driver, Rounds, TaskDriver, ThreadDriver
from resilience.core.execution import Executor, settled
from resilience.core.loops import beside
from resilience.core.schedule import Duty, Schedule

if TYPE_CHECKING:
    from asyncio import Task
    from random import Random

log = logging.getLogger("resilience")

STOP = 5.0  # seconds that stopping may take
EXIT = 2.0  # seconds for which it may hold up the end of the process


class Engine:
    """Runs a system's duties in the background.

    On any other clock than the machine's it stands still, and `tick` does what is due.

    Args:
        clock: tells what is due.
        random: where jitter is drawn from.
    """

    def __init__(self, clock: Clock, random: Random) -> None:
        self._clock = clock
        self.schedule = Schedule(random, self._wake)
        self._farewells: list[Callable[[], object]] = []
        self._asides: deque[tuple[Callable[[], Any], str]] = deque()
        self._begin()
        _engines.add(self)

    def _begin(self) -> None:
        self._lock, self._making = threading.Lock(), threading.Lock()
        self._driver: Driver | None = None
        self._task: Task[None] | None = None  # the loop itself holds tasks only weakly
        self._made: Executor | None = None
        self._stopped = False
        self._owes_farewell = False
        self._refused = False

    # -- duties -------------------------------------------------------------------------------

    def every(
        self,
        interval: Any,
        act: Callable[[], Any],
        *,
        name: str,
        jitter: float = 0.1,
        blocking: bool = False,
        first: Any = 0.0,
    ) -> Duty:
        """Do `act()` every `interval` seconds, the first time `first` seconds from now.

        It never runs twice at once. One that fails is logged once until it succeeds, and goes on;
        one that hangs holds up nothing else.

        Args:
            interval: seconds, > 0 (a number, or a `timedelta`).
            act: a plain function, or one that returns something to await: that is awaited on the
                app's own loop if the engine is a task there, else on a loop of the engine's.
            name: what logs call it.
            jitter: share 0-1 of the interval by which each start is moved, either way.
            blocking: True if `act` may wait for a disk, a network or a lock: it then gets a
                thread of its own. Else it has to be quick, as it may run on the app's loop.
            first: seconds, >= 0.

        Raises:
            ConfigurationError: a value out of range.
        """
        now = self._clock.monotonic()
        return self.schedule.add(now, interval, act, name, jitter, blocking, first)

    def spawn(self, act: Callable[[], Any], name: str) -> None:
        """Do `act()` once, soon, off the caller's thread, whether or not the engine runs.

        It may wait. What it returns is awaited if it can be, on the loop that duties have. A
        failure is logged. Of one name 16 run at once; 1,000 more wait, and others are not done,
        which is logged.
        """
        self._executor.spawn(act, name)

    def aside(self, act: Callable[[], Any], name: str) -> None:
        """Do `act()` once as `spawn` does, but on a clock that stands still with the next tick."""
        if self.stands_still:
            self._asides.append((act, name))
        else:
            self.spawn(act, name)

    def run_later(self, coroutine: Coroutine[Any, Any, Any]) -> bool:
        """Run a coroutine on the app's loop, if the engine is a task there; else return False."""
        loop = self._executor.app_loop
        return loop is not None and loop.adopt(coroutine) is not None

    def settle(self, answer: Any, timeout: float | None = None) -> Any:
        """Return `answer`, or what it gives if it can be awaited: on the loop that duties have.

        It waits; never call it on an event loop whose turn others wait for.

        Args:
            answer: what a function returned.
            timeout: seconds, > 0, to wait at most; None: until it is there.

        Raises:
            TimeoutError: it took longer, and is cancelled.
        """
        return settled(answer) if self.stands_still else self._executor.settle(answer, timeout)

    def at_stop(self, act: Callable[[], object]) -> None:
        """Call `act()` when the engine stops, or its process ends: to drain what is queued.

        What was asked for last is called first. It has to be quick where nothing is queued.
        """
        self._farewells.append(act)

    def use_clock(self, clock: Clock) -> None:
        """Tell the time by another clock, before anything runs."""
        self._clock = clock

    def tick(self) -> None:
        """Do all that is due at the clock's time, here and now; for tests, and odd servers."""
        self.catch_up()
        for duty in self.schedule.take_due(self._clock.monotonic()):
            self._executor.do_now(duty)
        self.catch_up()

    @property
    def stands_still(self) -> bool:
        """Whether its clock is moved by hand, so that nothing happens in the background."""
        return stands_still(self._clock)

    def catch_up(self) -> None:
        """Do what `aside` has put off, here and now."""
        while self._asides:
            self._executor.errand_now(*self._asides.popleft())

    # -- life ---------------------------------------------------------------------------------

    @property
    def running(self) -> str | None:
        """What drives it in this process: "thread", "task", or None."""
        driver = self._driver
        return driver.kind if driver is not None and driver.alive else None

    @property
    def behind(self) -> float:
        """Seconds, >= 0, for which the oldest duty that is due has not been begun; 0 if not begun.

        More than a few are a driver that has died, or an app's loop that something blocks.
        """
        return 0.0 if self._driver is None else self.schedule.behind(self._clock.monotonic())

    def start(self) -> None:
        """Run from now on: as a task if a loop runs in this thread, else in a thread."""
        self._stopped = False
        if not self.stands_still and "asyncio" in sys.modules:
            from asyncio import _get_running_loop

            if (loop := _get_running_loop()) is not None:
                if (driver := self._as_task()) is not None:
                    self._task = loop.create_task(self._drive(driver), name="resilience-engine")
                return
        self.ensure()

    def ensure(self) -> None:
        """Run, unless it does already or was stopped; for every request to call.

        A driver that died comes back. It never raises, and costs next to nothing.
        """
        driver = self._driver
        if driver is None or not driver.alive:
            self._revive()

    async def run(self) -> None:
        """Be the engine's task on the running loop, until cancelled or stopped.

        It takes over from a thread. Where a task runs it already, it returns at once. On a clock
        that stands still it does nothing but wait for its end.
        """
        self._stopped = False
        driver = self._as_task()
        if driver is not None:
            await self._drive(driver)

    def stop(self, timeout: float = STOP) -> None:
        """Stop: wait for what is under way, do what was asked for at the end; then stand still.

        Only `start` or `run` begin it again. In a task on the loop, `stop_async` is the one that
        does not hold up the loop.

        Args:
            timeout: seconds, >= 0, after which it returns in any case.
        """
        until = time.monotonic() + timeout
        self._stopped = True
        driver = self._released()
        if driver is None:
            self._wind_up(until)
        else:
            driver.end(lambda: self._wind_up(until), until)

    async def stop_async(self) -> None:
        """Stop, as `stop` does, and let the loop run meanwhile."""
        task, self._task = self._task, None
        await beside(self.stop)
        if task is None:
            return
        import asyncio

        if task.get_loop() is asyncio._get_running_loop():
            await asyncio.wait([task])

    def after_fork(self) -> None:
        """Begin anew in a forked child: it has neither the threads nor the loop."""
        _inherited.append(self._made)
        self.schedule.after_fork()
        self._begin()

    def at_exit(self) -> None:
        """Stop, if it was started here."""
        if self._owes_farewell or (self._made is not None and self._made.is_busy):
            self._executor.ending = True
            self.stop(EXIT)

    # -- drivers ------------------------------------------------------------------------------

    def _revive(self) -> None:
        if self._stopped or self.stands_still:
            return
        with self._lock:
            if self.running is not None or self._stopped:
                return
            driver = ThreadDriver(self._rounds())
            self._put_in_charge(driver)
        try:
            driver.start()  # with no lock held: greenlets take turns here
        except RuntimeError as error:  # no thread to give, or the process is ending
            self._say_once(error)
        else:
            self._refused = False

    def _as_task(self) -> TaskDriver | None:
        """Return a task driver for the running loop, in charge; None if there is one already."""
        with self._lock:
            before = self._driver
            if self.running == "task":
                return None
            driver = TaskDriver(self._rounds())
            self._put_in_charge(driver)
            self._executor.app_loop = driver
        if before is not None:
            before.end(lambda: None, 0.0)
        return driver

    async def _drive(self, driver: TaskDriver) -> None:
        try:
            await driver.drive()
        except GeneratorExit:  # the loop closed without a word: nothing can be awaited any more
            raise
        except BaseException:
            await self._leave(driver)
            raise
        await self._leave(driver)

    async def _leave(self, driver: TaskDriver) -> None:
        until = await driver.rest(STOP)
        if self._driver is driver:  # the task was cancelled: nobody else says the farewells
            self._released()
            await beside(lambda: self._wind_up(until))

    @property
    def _executor(self) -> Executor:
        """Made when needed: after the fork, and after gevent has made greenlets of threads."""
        if self._made is None:
            with self._making:
                self._made = self._made or Executor(self.schedule)
        return self._made

    def _rounds(self) -> Rounds:
        return Rounds(self._clock, self.schedule, self._executor)

    def _put_in_charge(self, driver: Driver) -> None:
        self._driver = driver
        self._owes_farewell = True

    def _released(self) -> Driver | None:
        """Return what was in charge; nothing is from now on."""
        with self._lock:
            driver, self._driver = self._driver, None
            self._executor.app_loop = None
        return driver

    def _wind_up(self, until: float) -> None:
        self._owes_farewell = False
        now = time.monotonic()
        self._executor.drain(now + (until - now) / 2)
        self._executor.call_all(self._farewells[::-1], until)
        self._executor.close(until)

    def _say_once(self, error: RuntimeError) -> None:
        if not self._refused:
            log.error("the background engine does not run: %s", error)
        self._refused = True

    def _wake(self) -> None:
        driver = self._driver
        if driver is not None:
            driver.wake()


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()
_inherited: list[object] = []  # what a loop of the parent's left behind complains when collected


def _after_fork() -> None:
    for engine in list(_engines):
        engine.after_fork()


def _at_exit() -> None:
    for engine in list(_engines):
        engine.at_exit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
