"""The time limit as a layer of a guard."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from resilience.core.checks import seconds as checked_seconds
from resilience.core.checks import text
from resilience.core.guard import Guard
from resilience.core.kinds import Kind
from resilience.core.runtime import Homed, Runtime
from resilience.limits import timed
from resilience.limits.allowance import TimeLimit
from resilience.limits.workers import Workers


class Timeouts(Homed):
    """What the time limits of one system share: its clock, and the threads of sync code.

    Args:
        runtime: the system's clock, and whether guards are on.
        workers: how many timed sync calls may run at once, >= 1; further ones queue.
    """

    def __init__(self, runtime: Runtime, workers: int = 64) -> None:
        super().__init__()
        self.runtime = runtime
        self.workers = Workers(workers)
        _registry.add(self)


class TimeoutLayer:
    """Limits the time of a function's calls.

    Args:
        timeouts: what the system's time limits share.
        seconds: > 0 (a number, or a `timedelta`).
        name: what messages call it; default: the function's `module.qualname`.

    Raises:
        ConfigurationError: a value out of range.
    """

    __slots__ = ("_name", "_timeouts", "seconds")

    role = "timeout"

    def __init__(self, timeouts: Timeouts, seconds: Any, name: str | None = None) -> None:
        self._timeouts = timeouts
        self.seconds = checked_seconds("timeout seconds", seconds)
        self._name = None if name is None else text("timeout name", name)

    def attach(self, guard: Guard) -> None:
        """Fit any function."""

    def wrap(self, call: Callable[..., Any], guard: Guard) -> Callable[..., Any]:
        """Return `call` within its time."""
        workers = self._timeouts.workers
        limit = TimeLimit(self._name or guard.name, self.seconds, self._timeouts.runtime)
        if guard.kind is Kind.SYNC:
            return timed.timed_sync(limit, workers, call)
        if guard.kind is Kind.ASYNC:
            return timed.timed_async(limit, call)
        if guard.kind is Kind.GENERATOR:
            return timed.timed_generator(limit, workers, call)
        return timed.timed_async_generator(limit, call)

    def __reduce__(self) -> Any:
        return TimeoutLayer, (self._timeouts, self.seconds, self._name)

    def describe(self) -> Iterator[str]:
        """Yield the limit."""
        yield "timeout" if self._name is None else f"timeout {self._name!r}"
        yield f"seconds = {self.seconds}  (decorator)"


_registry: weakref.WeakSet[Timeouts] = weakref.WeakSet()


def _after_fork() -> None:
    for timeouts in list(_registry):
        timeouts.workers.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
