"""How many retries there may be: a share of the calls, so that retries never make an outage."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from threading import Lock

from resilience.core.runtime import Homed, Runtime
from resilience.core.window import Counts, TimeWindow

SPAN = 10.0  # seconds
LEAST = 3

_ROUNDING = 1e-9  # 0.29 * 100 is a little less than 29


class Budget:
    """Retries beside calls, over the last 9 to 10 s.

    They are counted in ten buckets of 1 s, aligned to the clock. Counting a call reads no clock:
    calls since the last look are of the second of that look, and there is a look at every 32nd
    call and at every failure. So up to 31 calls may be taken for older than they are, none for
    younger: a budget is never larger than it says.
    """

    __slots__ = ("__weakref__", "_lock", "_window", "tick")

    tick: Iterator[int]

    def __init__(self) -> None:
        self._lock = Lock()
        self.reset()
        _all.add(self)

    def look(self, now: float) -> None:
        """Sort the calls since the last look into their second."""
        with self._lock:
            self._window.counts(now)

    def take(self, share: float, least: int, now: float) -> bool:
        """Count one retry if there may be one: at most `least` and `share` of the calls.

        Args:
            share: retries / calls, 0-1.
            least: how many there may be beyond the share.
            now: monotonic seconds.
        """
        with self._lock:
            retries, calls = self._counts(now)
            if retries + 1 > least + share * calls + _ROUNDING:
                return False
            self._window.record(now, failed=True, slow=False)
            return True

    def spend(self, now: float) -> None:
        """Count one retry that needs no leave."""
        with self._lock:
            self._window.record(now, failed=True, slow=False)

    def counts(self, now: float) -> tuple[int, int]:
        """Return retries and calls of the last 9 to 10 s."""
        with self._lock:
            return self._counts(now)

    def reset(self) -> None:
        """Forget all calls and retries."""
        with self._lock:
            self._window = TimeWindow(SPAN)
            self.tick = self._window.tick

    def after_fork(self) -> None:
        """Replace the lock; one held at the fork stays locked for ever."""
        self._lock = Lock()

    def _counts(self, now: float) -> tuple[int, int]:
        found: Counts = self._window.counts(now)
        return found.failures, found.calls - found.failures


class Budgets(Homed):
    """The budgets of one system, by the names of circuits and of functions without one."""

    __slots__ = ("_by_name", "runtime")

    def __init__(self, runtime: Runtime) -> None:
        super().__init__()
        self.runtime = runtime
        self._by_name: dict[str, Budget] = {}

    def of(self, name: str) -> Budget:
        """Return the budget of that name, made on first use."""
        return self._by_name.setdefault(name, Budget())

    def reset(self) -> None:
        """Forget all calls and retries."""
        for budget in list(self._by_name.values()):
            budget.reset()


_all: weakref.WeakSet[Budget] = weakref.WeakSet()


def _after_fork() -> None:
    for budget in list(_all):
        budget.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
