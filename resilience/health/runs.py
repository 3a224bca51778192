"""Running a check: at most once at a time, each time with a limit, whatever it does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from inspect import isawaitable
from threading import Condition, Lock
from typing import Any, NamedTuple

from resilience.circuits.memory import describe
from resilience.clock import Clock
from resilience.health.checks import Check
from resilience.health.results import CheckResult, Status, result_of, shortened

Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]


class Finding(NamedTuple):
    """How a run ended.

    Args:
        result: what the check said, or what is to be said for it.
        at: monotonic seconds.
        latency: seconds it took, >= 0.
    """

    result: CheckResult
    at: float
    latency: float


class Runs:
    """The runs of one check.

    A run that takes longer than the time limit is a failure when the limit is over, whether it
    ever ends or not; what it says later does not count. While it lasts no other begins, so that
    a check which hangs for ever costs one thread (or task) and nothing more.

    Args:
        check: the check, as it is in force.
        clock: tells the time.
        tell: hears each finding, in the thread that made it.
    """

    def __init__(self, check: Check, clock: Clock, tell: Callable[[Finding], None]) -> None:
        self.check = check
        self.is_async = check.is_async
        self.wrap: Wrap | None = None
        """Puts an experiment's fault into the check; None: there is none."""
        self._clock = clock
        self._tell = tell
        self._started = 0  # runs begun so far; the last one's number
        self._finished = 0  # the number of the last run that ended
        self._passed = False  # what that run found
        self._since: float | None = None  # when the present run began; None: there is none
        self._given_up = False  # the present run's time was up
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew in a forked child: no run goes on here, and no lock is held."""
        self._changed = Condition(Lock())
        self._since = None

    @property
    def busy(self) -> bool:
        """True while a run goes on, or hangs."""
        return self._since is not None

    # -- one run ------------------------------------------------------------------------------

    def run(self) -> None:
        """Run the check in this thread, unless it still runs.

        A function that returns something to await (a lambda around a coroutine) is known to be
        async from then on, and has to be run again as such.
        """
        number = self._begin()
        if number is None:
            return
        try:
            with _own_connections():
                answer = self._inside(self.check.call)()
            if isawaitable(answer):
                self._turns_out_async(answer)
                self._drop(number)
                return
            result = result_of(answer)
        except _INTERRUPTS:
            self._drop(number)
            raise
        except BaseException as error:  # SystemExit, a cancelled future: it did not pass
            result = _failed(error)
        self._end(number, result)

    async def run_async(self) -> None:
        """Run the check on this loop, unless it still runs."""
        import asyncio

        number = self._begin()
        if number is None:
            return
        limit = asyncio.timeout(self.check.timeout)
        try:
            async with limit:
                result = result_of(await self._inside(partial(_awaited, self.check.call))())
        except BaseException as error:
            if isinstance(error, _INTERRUPTS) or _is_being_cancelled():
                self._drop(number)
                raise
            result = self._too_long() if limit.expired() else _failed(error)
        self._end(number, result)

    def give_up(self, now: float) -> None:
        """Tell of a failure if the present run's time is up."""
        with self._changed:
            if self._since is None or self._given_up or now - self._since <= self.check.timeout:
                return
            self._given_up = True
            latency = now - self._since
        self._tell(Finding(self._too_long(), now, latency))

    # -- waiting for one ----------------------------------------------------------------------

    def passes(self, start: Callable[[], object], patience: float) -> bool:
        """Tell whether a run that begins from now on passes; waits for it.

        Args:
            start: has the check run, here or elsewhere.
            patience: real seconds that the run before may still take, and then this one.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: not self.busy, patience):
                return False
            before = self._started
        start()
        with self._changed:
            ended = self._changed.wait_for(lambda: self._finished > before, patience)
            return ended and self._passed

    # -- bookkeeping --------------------------------------------------------------------------

    def _inside(self, call: Callable[..., Any]) -> Callable[..., Any]:
        return call if self.wrap is None else self.wrap(call)

    def _begin(self) -> int | None:
        with self._changed:
            if self.busy:
                return None
            self._started += 1
            self._since = self._clock.monotonic()
            self._given_up = False
            return self._started

    def _end(self, number: int, result: CheckResult) -> None:
        now = self._clock.monotonic()
        with self._changed:
            if number != self._started or self._since is None:
                return  # a run of before the fork
            latency, late = max(0.0, now - self._since), self._given_up
            result = self._judged(result, latency)
        try:
            if not late:
                self._tell(Finding(result, now, latency))
        finally:
            with self._changed:  # last: who waits for the run finds all that came of it
                self._passed = not late and result.status in (Status.PASS, Status.WARN)
                self._leave(number)

    def _drop(self, number: int) -> None:
        """End a run that was interrupted, and says nothing."""
        with self._changed:
            if number == self._started:
                self._passed = False
                self._leave(number)

    def _leave(self, number: int) -> None:
        self._since = None
        self._finished = number
        self._changed.notify_all()

    def _judged(self, result: CheckResult, latency: float) -> CheckResult:
        """Return what a result amounts to, considering how long it took."""
        if latency > self.check.timeout:
            return self._too_long()
        slow = self.check.slow_after
        if slow is None or latency <= slow or result.status is not Status.PASS:
            return result
        said = f"took {latency:.3g} s, longer than {slow:g} s"
        output = said if result.output is None else shortened(f"{said}; {result.output}")
        return replace(result, status=Status.WARN, output=output)

    def _too_long(self) -> CheckResult:
        return CheckResult(Status.FAIL, f"no answer within {self.check.timeout:g} s")

    def _turns_out_async(self, answer: Any) -> None:
        self.is_async = True
        if isinstance(answer, Coroutine):
            answer.close()


_INTERRUPTS = (KeyboardInterrupt, GeneratorExit)
"""What ends a run from outside; anything else that a check raises is its own answer."""


def _is_being_cancelled() -> bool:
    """Tell whether this task was cancelled, and not only something that it waited for."""
    import asyncio

    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _awaited(call: Callable[[], Any]) -> Any:
    return await call()


def _failed(error: BaseException) -> CheckResult:
    return CheckResult(Status.FAIL, describe(error))


@contextmanager
def _own_connections() -> Iterator[None]:
    """Close the Django connections that a check opens in this thread.

    Django closes a thread's connections when a request ends; here none ever does, and each run
    may have a thread of its own. Those that were there before are left alone.
    """
    database = sys.modules.get("django.db")
    connections = getattr(database, "connections", None)
    if connections is None:
        yield
        return
    before = _opened(connections)
    try:
        yield
    finally:
        for alias, connection in _opened(connections).items():
            if alias not in before:
                connection.close()


def _opened(connections: Any) -> dict[str, Any]:
    """Return `{alias: connection}` of those that are open in this thread."""
    try:
        made = connections.all(initialized_only=True)
    except Exception:  # Django without settings
        return {}
    return {each.alias: each for each in made if each.connection is not None}
