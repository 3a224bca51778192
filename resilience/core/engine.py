"""The background engine: what a process does besides its requests.

One thread under WSGI, or one task on the app's own loop under ASGI; never before a fork, never
in a process that serves nothing. What is due is for `schedule.py` to say; here it is run.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Coroutine
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from resilience.clock import Clock, SystemClock
from resilience.core.schedule import Duty, Schedule

if TYPE_CHECKING:
    import asyncio
    from random import Random

log = logging.getLogger("resilience")

LONGEST_NAP = 3600.0  # seconds; locks refuse to wait for ever


class Engine:
    """Runs a system's duties in the background.

    On any other clock than the machine's it stands still, and `tick` does what is due.

    Args:
        clock: tells what is due.
        random: where jitter is drawn from.
    """

    def __init__(self, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._begin()
        self.schedule = Schedule(random, self._wake)
        self._farewells: list[Callable[[], object]] = []
        self._asides: deque[tuple[Callable[[], Any], str]] = deque()
        _engines.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news_of_loop: asyncio.Event | None = None
        self._tasks: set[Any] = set()
        self._stopping = False

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

        Args:
            interval: seconds, > 0 (a number, or a `timedelta`).
            act: sync or async. One that fails is logged once until it succeeds, and goes on.
            name: what logs call it.
            jitter: share 0-1 of the interval by which each start is moved, either way.
            blocking: True if `act` may wait: it gets a thread of its own.
            first: seconds, >= 0.
        """
        now = self._clock.monotonic()
        return self.schedule.add(now, interval, act, name, jitter, blocking, first)

    def at_stop(self, act: Callable[[], object]) -> None:
        """Call `act()` when the engine stops, or the process ends: to drain what is queued."""
        self._farewells.append(act)

    def tick(self) -> None:
        """Do all that is due at the clock's time, here and now; for tests, and odd servers."""
        self.catch_up()
        for duty in self.schedule.take_due(self._clock.monotonic()):
            self._do(duty)
        self.catch_up()

    @property
    def stands_still(self) -> bool:
        """Whether its clock is moved by hand, so that nothing happens in the background."""
        return not isinstance(self._clock, SystemClock)

    def catch_up(self) -> None:
        """Do what `aside` has put off, here and now."""
        while self._asides:
            self._alone(*self._asides.popleft())

    # -- life ---------------------------------------------------------------------------------

    @property
    def running(self) -> str | None:
        """What drives it in this process: "thread", "task", or None."""
        if self._loop is not None:
            return "task"
        thread = self._thread
        return "thread" if thread is not None and thread.is_alive() else None

    def ensure(self) -> None:
        """Run from now on, by a thread unless a task does already; costs nothing if it runs."""
        if self._loop is not None:
            return
        thread = self._thread
        if thread is None or not thread.is_alive():
            self._start()

    def _start(self) -> None:
        if self.stands_still:
            return
        with self._lock:
            if self.running is not None:
                return
            self._stopping = False
            self._thread = threading.Thread(
                target=self._work, name="resilience-engine", daemon=True
            )
            self._thread.start()

    def _work(self) -> None:
        while not self._stopping:
            self._news.clear()
            wait = self._hand_out_due()
            if wait > 0 and not self._stopping:
                self._news.wait(wait)

    async def run(self) -> None:
        """Be the engine's task on the running loop, until cancelled or stopped.

        A second one on another loop of the process is refused: it returns at once.
        """
        import asyncio

        with self._lock:
            if self._loop is not None:
                return
            self._end_thread()
            self._stopping = False
            self._loop = asyncio.get_running_loop()
            self._news_of_loop = news = asyncio.Event()
        try:
            while not self._stopping:
                news.clear()
                wait = self._hand_out_due()
                if wait > 0 and not self._stopping:
                    await _first_of(news, wait)
        finally:
            self._loop = self._news_of_loop = None
            for task in list(self._tasks):
                task.cancel()

    def _end_thread(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopping = True
            self._news.set()
            thread.join(timeout=1.0)

    def stop(self, timeout: float = 5.0) -> None:
        """Stop, and do what was asked for at the end; waits `timeout` seconds at most.

        It may be started again. Under a task driver cancel or end `run` besides.
        """
        until = time.monotonic() + timeout
        self._stopping = True
        self._wake()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, until - time.monotonic()))
        for act in self._farewells:
            _within(act, max(0.1, until - time.monotonic()))

    # -- running one --------------------------------------------------------------------------

    def spawn(self, act: Callable[[], Any], name: str) -> None:
        """Do `act()` once, soon, off the caller's thread; a failure is logged.

        What it returns is awaited if it can be: on the engine's loop, or else in the thread.
        """
        threading.Thread(
            target=self._alone, args=(act, name), name=f"resilience-{name}", daemon=True
        ).start()

    def aside(self, act: Callable[[], Any], name: str) -> None:
        """Do `act()` once as `spawn` does, but on a clock that stands still with the next tick."""
        if self.stands_still:
            self._asides.append((act, name))
        else:
            self.spawn(act, name)

    def settle(self, answer: Any, timeout: float | None = None) -> Any:
        """Return what an awaitable gives: on the engine's loop, else on a loop of its own.

        Args:
            answer: what to await.
            timeout: seconds, > 0, that this thread waits at most for the engine's loop.

        Raises:
            TimeoutError: it took longer, and is cancelled.
        """
        import asyncio

        loop = self._loop
        if loop is None or loop.is_closed() or loop is asyncio._get_running_loop():
            return _settled(answer)
        future = asyncio.run_coroutine_threadsafe(_awaited(answer), loop)
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise

    def run_later(self, answer: Coroutine[Any, Any, Any]) -> bool:
        """Run a coroutine on the engine's loop; False where there is none."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return False
        loop.call_soon_threadsafe(self._keep, answer)
        return True

    def _keep(self, answer: Coroutine[Any, Any, Any]) -> None:
        assert self._loop is not None
        task = self._loop.create_task(answer)
        self._tasks.add(task)  # the loop itself holds tasks only weakly
        task.add_done_callback(self._tasks.discard)

    def _hand_out_due(self) -> float:
        """Run what is due where it belongs; return the seconds until there may be more."""
        if not isinstance(self._clock, SystemClock):
            return LONGEST_NAP  # a task stands still, too: `tick` does it
        for duty in self.schedule.take_due(self._clock.monotonic()):
            self._hand_out(duty)
        return min(self.schedule.wait(self._clock.monotonic()), LONGEST_NAP)

    def _hand_out(self, duty: Duty) -> None:
        """Run a duty where it belongs."""
        from inspect import iscoroutinefunction

        if iscoroutinefunction(duty.act):
            if self._loop is not None:
                self._keep(self._do_async(duty))
            else:
                self._in_thread(duty)
        elif duty.blocking:
            self._in_thread(duty)
        else:
            self._do(duty)

    def _in_thread(self, duty: Duty) -> None:
        try:
            threading.Thread(
                target=self._do, args=(duty,), name=f"resilience-{duty.name}", daemon=True
            ).start()
        except RuntimeError as error:  # the machine has no thread to give
            self._failed(duty, error)
            self.schedule.done(duty)

    def _do(self, duty: Duty) -> None:
        try:
            _settled(duty.act())
            duty.failing = False
        except Exception as error:
            self._failed(duty, error)
        finally:
            self.schedule.done(duty)

    async def _do_async(self, duty: Duty) -> None:
        try:
            await duty.act()
            duty.failing = False
        except Exception as error:
            self._failed(duty, error)
        finally:
            self.schedule.done(duty)

    def _failed(self, duty: Duty, error: Exception) -> None:
        if not duty.failing:
            log.error("%s failed: it goes on, and says no more until it works", duty.name,
                      exc_info=error)  # fmt: skip
        duty.failing = True

    def _alone(self, act: Callable[[], Any], name: str) -> None:
        try:
            answer = act()
            if isawaitable(answer):
                later = _awaited(answer)
                if not self.run_later(later):
                    _settled(later)
        except Exception:
            log.exception("%s failed", name)

    # -- waking -------------------------------------------------------------------------------

    def _wake(self) -> None:
        self._news.set()
        loop, news = self._loop, self._news_of_loop
        if loop is not None and news is not None:
            try:
                loop.call_soon_threadsafe(news.set)
            except RuntimeError:  # it was closed without a farewell
                self._loop = self._news_of_loop = None

    def after_fork(self) -> None:
        """Begin anew in a forked child: neither the thread nor the loop is there."""
        self._begin()
        self.schedule.after_fork()


def _settled(answer: Any) -> Any:
    """Return what was returned, awaited on a loop of its own if it can be awaited."""
    if not isawaitable(answer):
        return answer
    import asyncio

    if asyncio._get_running_loop() is None:
        return asyncio.run(_awaited(answer))
    # `tick` inside a test's own loop: no second loop may run in this thread.
    from concurrent.futures import Future

    given: Future[Any] = Future()

    def run() -> None:
        try:
            given.set_result(asyncio.run(_awaited(answer)))
        except BaseException as error:  # everything: it is for whoever asked
            given.set_exception(error)

    threading.Thread(target=run, name="resilience-settle", daemon=True).start()
    return given.result()


async def _awaited(answer: Any) -> Any:
    return await answer


async def _first_of(news: asyncio.Event, longest: float) -> None:
    import asyncio

    try:
        async with asyncio.timeout(longest):
            await news.wait()
    except TimeoutError:
        return


def _within(act: Callable[[], object], timeout: float) -> None:
    """Do `act()`, waiting for it no longer than `timeout`."""

    def run() -> None:
        try:
            act()
        except Exception:
            log.exception("%r failed while the engine stopped", act)

    thread = threading.Thread(target=run, name="resilience-stop", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the interpreter is ending: no thread starts any more
        run()
    else:
        thread.join(timeout)


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def _after_fork() -> None:
    for engine in list(_engines):
        engine.after_fork()


def _at_exit() -> None:
    for engine in list(_engines):
        engine.stop(timeout=2.0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
