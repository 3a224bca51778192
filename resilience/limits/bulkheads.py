"""The bulkhead: so many calls at once, and no more."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, overload

from resilience import signals
from resilience.clock import trio_here
from resilience.core.checks import duration, whole
from resilience.core.deadline import Deadline, remaining
from resilience.core.runtime import Runtime
from resilience.errors import BulkheadFullError
from resilience.limits import held
from resilience.limits.expiry import current_task
from resilience.limits.handover import take_over
from resilience.limits.pace import pace_of
from resilience.limits.waiters import TaskWaiter, ThreadWaiter, TrioWaiter, Waiter

P = ParamSpec("P")
R = TypeVar("R")

WAITING_PER_PLACE = 10
"""So many callers may wait for each place; further ones are turned away at once."""

MOST_PLACES = 100_000
"""Each of them is an item of a list."""


def places(setting: str, value: Any) -> int:
    """Return `value` if a bulkhead may have so many places.

    Raises:
        ConfigurationError: it may not.
    """
    return whole(setting, value, most=MOST_PLACES)


@dataclass(frozen=True, slots=True)
class BulkheadSnapshot:
    """A bulkhead at one moment.

    Args:
        name: the bulkhead's name.
        limit: places, 1 to 100,000.
        max_wait: seconds, >= 0, that a caller waits for one.
        in_use: places taken; above `limit` for a while after it was made smaller.
        waiting: callers that wait for a place.
        rejected: calls turned away since it was made.
    """

    name: str
    limit: int
    max_wait: float
    in_use: int
    waiting: int
    rejected: int


class Bulkhead:
    """Keeps one slow dependency from taking all threads, connections or memory there are.

    Use it as `bulkhead.call(fn, …)`, `await bulkhead.call_async(fn, …)`, `with bulkhead:`,
    `async with bulkhead:`, or through the `@bulkhead` decorator. Threads and tasks, of any
    number of loops, share its places, and wait for them in one queue: who came first goes first,
    and at most ten for each place wait. A timed call that outlives its time keeps its place until
    its thread is done. Made by `system.bulkheads.get`.

    Its places are a list, which a call takes one from and puts it back: neither needs the lock,
    which is for those who wait and for changes of the limit. Who puts one back looks afterwards
    whether it is `crowded`; who begins to wait says so first, and then looks whether there is one
    after all. So no place lies there unseen.

    Args:
        name: what it is known by, to people, settings and events.
        limit: places, 1 to 100,000.
        max_wait: seconds, >= 0, that a caller waits for one; never beyond its deadline.
        runtime: its system's clock and events.

    Raises:
        ConfigurationError: a value out of range.
    """

    __slots__ = (
        "__weakref__",
        "_beyond",
        "_limit",
        "_lock",
        "_max_wait",
        "_pace",
        "_rejected",
        "_runtime",
        "_waiting",
        "crowded",
        "free",
        "name",
    )

    def __init__(self, name: str, limit: int, max_wait: float, runtime: Runtime) -> None:
        self.name = name
        self._runtime = runtime
        self._pace = pace_of(runtime.clock)
        self._rejected = 0
        self._limit = places("limit", limit)
        self._max_wait = duration("max_wait", max_wait)
        self.after_fork()

    def __repr__(self) -> str:
        return f"<Bulkhead {self.name!r} {self._in_use()}/{self._limit}>"

    # -- use ----------------------------------------------------------------------------------

    def call(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return `fn(*args, **kwargs)`; a coroutine it returns has its place while it runs.

        Raises:
            BulkheadFullError: the call was not made.
        """
        result: R = held.held_sync(self, fn)(*args, **kwargs)
        return result

    @overload
    async def call_async(
        self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> R: ...
    @overload
    async def call_async(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    async def call_async(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Return what `fn(*args, **kwargs)` returns, awaited where it can be.

        Raises:
            BulkheadFullError: the call was not made.
        """
        async with self:
            result = fn(*args, **kwargs)
            return await result if hasattr(result, "__await__") else result

    def __enter__(self) -> Bulkhead:
        self.take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.leave(error)

    async def __aenter__(self) -> Bulkhead:
        await self.take_async()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.leave(error)

    # -- reading ------------------------------------------------------------------------------

    @property
    def limit(self) -> int:
        """How many calls may run at once."""
        return self._limit

    @property
    def max_wait(self) -> float:
        """Seconds, >= 0, that a caller waits for a place."""
        return self._max_wait

    def snapshot(self) -> BulkheadSnapshot:
        """Return all that is known of it at this moment."""
        with self._lock:
            return BulkheadSnapshot(
                self.name,
                self._limit,
                self._max_wait,
                self._in_use(),
                len(self._waiting),
                self._rejected,
            )

    # -- changing -----------------------------------------------------------------------------

    def resize(self, limit: int) -> None:
        """Have `limit` places, 1 to 100,000: more at once; fewer as those taken come back.

        Raises:
            ConfigurationError: no whole number in that range.
        """
        self.reconfigure(limit, self._max_wait)

    def reconfigure(self, limit: int, max_wait: float) -> None:
        """Put both settings in force; nobody loses a place, or its turn."""
        wanted, seconds = places("limit", limit), duration("max_wait", max_wait)
        with self._lock:
            self._max_wait = seconds
            for _ in range(wanted - self._limit):
                self._add_place()
            for _ in range(self._limit - wanted):
                self._remove_place()
            self.crowded = True  # from here on whoever puts one back asks; what is free is seen
            granted = self._grant()
        self._wake(granted)

    def _add_place(self) -> None:
        self._limit += 1
        if self._beyond:
            self._beyond -= 1
        else:
            self.free.append(None)

    def _remove_place(self) -> None:
        if not self.try_take():
            self._beyond += 1
        self._limit -= 1

    def after_fork(self) -> None:
        """Begin empty: those who held places, or waited, do not exist in a forked child."""
        self._lock = threading.RLock()  # what is collected amid a change may give places back
        self.free: list[None] = [None] * self._limit
        self._beyond = 0  # places taken that, once put back, are none any longer
        self._waiting: deque[Waiter] = deque()
        self.crowded = False

    # -- places -------------------------------------------------------------------------------

    def take(self) -> None:
        """Take a place, waiting for one if need be; `leave` gives it back.

        Raises:
            BulkheadFullError: there was none in time.
        """
        if self.try_take():
            return
        seconds = self._patience()
        waiter = ThreadWaiter(self._until(seconds), self._pace)
        if not self._line_up(waiter, seconds):
            return
        try:
            waiter.wait()
        except BaseException:
            self._step_out(waiter)
            raise
        self._conclude(waiter)

    def try_take(self) -> bool:
        """Take a place if there is one; returns whether there was."""
        try:
            self.free.pop()
        except IndexError:
            return False
        return True

    async def take_async(self) -> None:
        """Take a place, as `take` does, while other tasks run."""
        if self.try_take():
            return
        task, trio, seconds = current_task(), trio_here(), self._patience()
        until = self._until(seconds)
        if task is None and trio is None:  # nobody can wait here
            self._line_up(ThreadWaiter(until, self._pace), 0.0)
            return
        waiter: TaskWaiter | TrioWaiter = (
            TrioWaiter(until, self._pace, trio)
            if task is None
            else TaskWaiter(until, self._pace, task.get_loop())
        )
        if not self._line_up(waiter, seconds):
            return
        try:
            await waiter.wait()
        except BaseException:
            self._step_out(waiter)
            raise
        self._conclude(waiter)

    def leave(self, error: BaseException | None = None) -> None:
        """Give the place back: now, or when the work that `error` carries has ended."""
        work = None if error is None else take_over(error)
        if work is not None:
            work.on_end(self.give_back)
        else:
            self.give_back()

    def give_back(self) -> None:
        """Give the place back, now."""
        # Read while the limit changes the number may be wrong. If it is right, and is none, the
        # place was taken before a fork, and is not of this process.
        if self._in_use() > 0 or self.snapshot().in_use > 0:
            self.free.append(None)
        if self.crowded:
            self.settle()

    def settle(self) -> None:
        """Give what was put back to those who wait, or take it away if there are too many."""
        with self._lock:
            granted = self._grant()
        self._wake(granted)

    def _in_use(self) -> int:
        return self._limit + self._beyond - len(self.free)

    def _grant(self) -> list[Waiter]:
        """Give free places to those who waited longest; returns whom to wake."""
        while self._beyond and self.try_take():
            self._beyond -= 1
        granted = []
        while self._waiting and self.try_take():
            try:
                waiter = self._waiting.popleft()
            except IndexError:  # what was collected meanwhile gave its place to the last of them
                self.free.append(None)
                break
            waiter.granted = True
            granted.append(waiter)
        self.crowded = bool(self._waiting or self._beyond)
        return granted

    def _wake(self, granted: list[Waiter]) -> None:
        for waiter in granted:
            try:
                waiter.wake()
            except RuntimeError:  # its loop is closed: it never will
                self.give_back()

    def _patience(self) -> float:
        """Return the seconds that this caller may wait."""
        left = remaining() if self._max_wait > 0.0 else None
        return self._max_wait if left is None else min(self._max_wait, left)

    def _until(self, seconds: float) -> Deadline:
        return Deadline(seconds, self._runtime.clock)

    def _line_up(self, waiter: Waiter, seconds: float) -> bool:
        """Join the queue; False: this call needs no place.

        Raises:
            BulkheadFullError: this caller may not wait, or too many do.
        """
        with self._lock:
            if not self._runtime.active:
                self._beyond += 1
                self.crowded = True
                return False
            may_wait = seconds > 0.0 and len(self._waiting) < self._limit * WAITING_PER_PLACE
            if may_wait:
                self._waiting.append(waiter)
                self.crowded = True
            granted = self._grant()
        self._wake(granted)
        if not may_wait:
            self._reject()
        return True

    def _step_out(self, waiter: Waiter) -> None:
        """Wait no longer; a place given in that moment goes to the next."""
        if self._withdraw(waiter):
            self.give_back()

    def _conclude(self, waiter: Waiter) -> None:
        """Keep the place that was given; without one, be turned away."""
        if not self._withdraw(waiter):
            self._reject()

    def _withdraw(self, waiter: Waiter) -> bool:
        """Take a waiter out of the queue; returns whether it was given a place."""
        with self._lock:
            if not waiter.granted:
                with suppress(ValueError):  # given one in this moment
                    self._waiting.remove(waiter)
                self.crowded = bool(self._waiting or self._beyond)
            return waiter.granted

    def _reject(self) -> None:
        with self._lock:
            self._rejected += 1
        bus = self._runtime.bus
        if signals.call_rejected.receivers or bus.listeners:
            data = {"reason": "bulkhead_full", "retry_after": None, "limit": self._limit}
            bus.emit(signals.call_rejected, self.name, data)
        raise BulkheadFullError(self.name)
