"""Time limits of async code: the running task is cancelled when the time is up."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

from resilience.clock import trio_here
from resilience.core import deadline
from resilience.limits.allowance import TimeLimit
from resilience.limits.pace import GLANCE, nap

if TYPE_CHECKING:
    from asyncio import Task, TimerHandle


def current_task() -> Task[Any] | None:
    """Return the task that runs here; None: no loop of asyncio runs this code."""
    asyncio = sys.modules.get("asyncio")  # not imported: then none of its loops runs
    if asyncio is None or asyncio._get_running_loop() is None:
        return None
    task: Task[Any] | None = asyncio.current_task()
    return task


class Expiry:
    """A block whose task is cancelled when its time is up, and that then raises our error.

    Which cancellation is whose is told by counting, as `asyncio.timeout` does: each one asked
    for adds one to `Task.cancelling()`. Ours is taken back at the end; what then is above the
    number at the beginning came from outside, and wins.

    Args:
        limit: whose time it is.
        seconds: how much of it there is, > 0.
    """

    __slots__ = (
        "_allowance",
        "_before",
        "_entry",
        "_fired",
        "_limit",
        "_scope",
        "_seconds",
        "_stood_back",
        "_task",
        "_timer",
    )

    def __init__(self, limit: TimeLimit, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._fired = self._stood_back = False
        self._timer: TimerHandle | None = None
        self._scope: Any = None  # trio's own

    def __enter__(self) -> None:
        self._allowance, self._entry = self._limit.begin(self._seconds)
        self._task = current_task()
        if self._task is not None:  # else nobody can be cancelled; the end is judged all the same
            self._before = self._task.cancelling()
            self._sleep(self._allowance.left())
        elif (trio := trio_here()) is not None:
            self._scope = trio.move_on_after(self._allowance.left())
            self._scope.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        deadline.end(self._entry)
        self._allowance.finish()
        if self._scope is not None and self._scope.__exit__(kind, error, traceback) and error:
            raise self._allowance.exceeded() from error
        ours = self._fired and self._uncancelled()
        self._task = None
        if error is None:
            if self._allowance.left() <= 0.0:
                raise self._allowance.exceeded()
        elif ours and _is_cancellation(error):
            raise self._allowance.exceeded() from error
        elif (own := self._allowance.judged(error)) is not error:
            raise own from error

    def used(self) -> float:
        """Return the seconds since it was entered."""
        return self._allowance.used()

    def _uncancelled(self) -> bool:
        """Take our cancellation back; tell whether there was no other."""
        assert self._task is not None
        return self._task.uncancel() <= self._before

    def _sleep(self, seconds: float) -> None:
        assert self._task is not None
        self._timer = self._task.get_loop().call_later(
            nap(seconds, self._allowance.pace), self._look
        )

    def _look(self) -> None:
        assert self._task is not None
        left = self._allowance.left()
        if left > 0.0:
            self._sleep(left)
        elif self._task.cancelling() > self._before and not self._stood_back:
            # Somebody else has just cancelled it. A second cancellation would hide whose the
            # first was (anyio knows its own by their text); it is only for a task that goes on.
            self._stood_back = True
            self._sleep(GLANCE)
        else:
            self._fired = True
            self._task.cancel()


def _is_cancellation(error: BaseException) -> bool:
    return isinstance(error, sys.modules["asyncio"].CancelledError)
