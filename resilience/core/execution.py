"""Where background work runs, and what becomes of its failures."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Protocol

from resilience.core.loops import LoopThread
from resilience.core.schedule import Duty, Schedule
from resilience.core.threads import PATIENCE, Errands, Lane, ThreadPool

if TYPE_CHECKING:
    from concurrent.futures import Future

log = logging.getLogger("resilience")


class AppLoop(Protocol):
    """The app's own loop, where there is one."""

    @property
    def is_here(self) -> bool:
        """Whether it runs in this thread."""
        ...

    def adopt(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any] | None:
        """Run a coroutine; return what will have its outcome, or None if the loop is gone."""
        ...


class Executor:
    """Runs duties and errands: plain functions on threads, coroutines on a loop.

    Args:
        schedule: hears when a duty is done.
    """

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self.app_loop: AppLoop | None = None
        self._pool = ThreadPool()  # for duties: no more threads than there are duties
        self._lane = Lane(self._pool, "resilience-duties")
        self._errands = Errands()
        self._own_loop = LoopThread()
        self.ending = False  # the process ends: from Python 3.12 on no thread can be started then
        self._left_over: deque[tuple[Callable[[], Any], str]] = deque()

    # -- duties -------------------------------------------------------------------------------

    def do(self, duty: Duty) -> None:
        """Do a duty here; what it returns to be awaited goes to a loop."""
        try:
            answer = duty.act()
        except KeyboardInterrupt:
            self._ended(duty, None)
            raise
        except BaseException as error:  # also a `SystemExit`: it is not the duty's to end the app
            self._ended(duty, error)
        else:
            if isawaitable(answer):
                self._await(duty, answer)
            else:
                self._ended(duty, None)

    def do_apart(self, duty: Duty) -> None:
        """Do a duty that may wait, on a thread of its own."""
        try:
            self._pool.run(lambda: self.do(duty), f"resilience-{duty.name}")
        except RuntimeError as error:
            self._ended(duty, error)

    def keep_thread(self, kept: bool) -> None:
        """Keep a thread that had work, as one may be needed when no new one can be had."""
        self._pool.kept = int(kept)

    def do_in_line(self, duty: Duty) -> None:
        """Do a quick duty after those before it, off the calling thread; `look` begins it."""
        self._lane.add(lambda: self.do(duty))

    def look(self) -> float:
        """See to the duties in line; return the seconds, > 0, until the next look."""
        try:
            return self._lane.look(time.monotonic())
        except RuntimeError:  # the machine has no thread to give
            log.warning("background work waits for a thread")
            return PATIENCE

    def do_now(self, duty: Duty) -> None:
        """Do a duty here, and return when it is done; for `tick`."""
        try:
            settled(duty.act())
        except Exception as error:
            self._ended(duty, error)
        else:
            self._ended(duty, None)

    def _await(self, duty: Duty, answer: Any) -> None:
        try:
            outcome = self._on_loop(_awaited(answer))
        except RuntimeError as error:
            self._ended(duty, error)
        else:
            outcome.add_done_callback(lambda it: self._ended(duty, _error_of(it)))

    def _ended(self, duty: Duty, error: BaseException | None) -> None:
        if error is not None and not duty.failing:
            log.error(
                "%s failed: it goes on, and says no more until it works", duty.name, exc_info=error
            )
        duty.failing = error is not None
        self._schedule.done(duty)

    # -- errands ------------------------------------------------------------------------------

    def spawn(self, act: Callable[[], Any], name: str) -> None:
        """Do `act()` once, off the caller's thread; what it returns is awaited if it can be."""
        try:
            self._errands.run(lambda: self._errand(act, name), name)
        except RuntimeError as error:
            if self.ending:
                self._left_over.append((act, name))
            else:
                log.error("not done: %s", error)

    def errand_now(self, act: Callable[[], Any], name: str) -> None:
        """Do an errand here, and return when it is done; for `tick`."""
        try:
            settled(act())
        except Exception:
            log.exception("%s failed", name)

    def settle(self, answer: Any, timeout: float | None) -> Any:
        """Return what an awaitable gives, awaited on a loop; this thread waits for it.

        Raises:
            TimeoutError: it took longer than `timeout` seconds, and is cancelled.
        """
        if not isawaitable(answer):
            return answer
        future = self._on_loop(_awaited(answer), waiting=True)
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise

    def _errand(self, act: Callable[[], Any], name: str) -> None:
        answer = act()
        if isawaitable(answer):
            outcome = self._on_loop(_awaited(answer))
            outcome.add_done_callback(lambda it: _log(_error_of(it), name))

    def _on_loop(self, coroutine: Coroutine[Any, Any, Any], waiting: bool = False) -> Future[Any]:
        """Run a coroutine on the app's loop, unless this thread is that and waits; or on ours."""
        loop = self.app_loop
        if loop is not None and not (waiting and loop.is_here):
            future = loop.adopt(coroutine)
            if future is not None:
                return future
        try:
            return self._own_loop.submit(coroutine)
        except RuntimeError:  # no thread to be had
            return _run_here(coroutine)

    # -- the end ------------------------------------------------------------------------------

    @property
    def is_busy(self) -> bool:
        """Whether an errand is under way."""
        return self._errands.is_busy

    def drain(self, until: float) -> None:
        """Wait for the duties under way, until `time.monotonic()` is `until`."""
        self._pool.drain(until)

    def call_all(self, acts: Sequence[Callable[[], object]], until: float) -> None:
        """Call one after another; one that hangs costs the others its share of the time only."""
        for number, act in enumerate(acts):
            now = time.monotonic()
            self._call(act, now + max(0.0, until - now) / (len(acts) - number))

    def close(self, until: float) -> None:
        """Wait for the errands under way, and end the loop of our own; until the time is up."""
        self.keep_thread(False)
        self._errands.drain(until)
        while self._left_over and time.monotonic() < until:
            self.errand_now(*self._left_over.popleft())
        self._own_loop.close(until)

    def _call(self, act: Callable[[], object], until: float) -> None:
        done = threading.Event()

        def call() -> None:
            try:
                settled(act())
            except Exception:
                log.exception("%r failed while the engine stopped", act)
            finally:
                done.set()

        try:
            self._pool.run(call, "resilience-stop")
        except RuntimeError:  # the interpreter is ending: no thread starts any more
            call()
        done.wait(max(0.0, until - time.monotonic()))


def settled(answer: Any) -> Any:
    """Return `answer`, or what it gives if it can be awaited: on a loop made for it."""
    if not isawaitable(answer):
        return answer
    import asyncio
    from concurrent.futures import Future

    if asyncio._get_running_loop() is None:
        return asyncio.run(_awaited(answer))
    # `tick` inside a test's own loop: no second loop may run in this thread.
    given: Future[Any] = Future()

    def run() -> None:
        try:
            given.set_result(asyncio.run(_awaited(answer)))
        except BaseException as error:  # everything: it is for whoever asked
            given.set_exception(error)

    threading.Thread(target=run, name="resilience-settle", daemon=True).start()
    return given.result()


def _run_here(coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
    from concurrent.futures import Future

    outcome: Future[Any] = Future()
    try:
        outcome.set_result(settled(coroutine))
    except BaseException as error:  # everything: it is for whoever asked
        outcome.set_exception(error)
    return outcome


async def _awaited(answer: Any) -> Any:
    try:
        return await answer
    except SystemExit as error:  # a loop lets it through, and ends by it
        raise RuntimeError(repr(error)) from error


def _error_of(outcome: Future[Any]) -> BaseException | None:
    return None if outcome.cancelled() else outcome.exception()


def _log(error: BaseException | None, name: str) -> None:
    if error is not None:
        log.error("%s failed", name, exc_info=error)
