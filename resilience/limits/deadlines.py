"""The time limit as a layer of a guard, and all time limits of a system."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, ClassVar, NamedTuple

from resilience.core.checks import seconds as checked_seconds
from resilience.core.checks import text
from resilience.core.guard import Guard
from resilience.core.kinds import Kind
from resilience.core.options import Check, Options
from resilience.core.overrides import Given, Overrides
from resilience.core.runtime import Homed, Runtime
from resilience.limits import timed
from resilience.limits.allowance import TimeLimit
from resilience.limits.workers import Workers


@dataclass(frozen=True, slots=True)
class TimeoutSettings(Options):
    """What a time limit is told.

    Args:
        seconds: that each call may take, > 0 (or a `timedelta`).

    Raises:
        ConfigurationError: out of range.
    """

    CHECKS: ClassVar[Mapping[str, Check]] = {"seconds": checked_seconds}

    seconds: float


class Change(NamedTuple):
    """Settings by name that are right, and not yet in force.

    Args:
        seconds_of: returns the seconds that a limit is to have.
        commit: puts them in force.
    """

    seconds_of: Callable[[TimeLimit], float]
    commit: Callable[[], None]


class Timeouts(Homed):
    """The time limits of one system: known by name, changed in place, on shared threads.

    Several may have one name, each with what its own decorator says; settings by name lie over
    all of them.

    Args:
        runtime: the system's clock, and whether guards are on.
        workers: how many timed sync calls may run at once, >= 1; further ones queue.
    """

    def __init__(self, runtime: Runtime, workers: int = 64) -> None:
        super().__init__()
        self._runtime = runtime
        self.workers = Workers(workers)
        self._limits: weakref.WeakKeyDictionary[TimeLimit, float] = weakref.WeakKeyDictionary()
        self._overrides = Overrides("timeout")
        self._lock = Lock()
        _registry.add(self)

    def limit(self, name: str, seconds: float) -> TimeLimit:
        """Return a time limit of that name.

        Args:
            name: what it is known by.
            seconds: > 0, that its decorator gives.
        """
        with self._lock:
            limit = TimeLimit(name, _effective(name, seconds, self._overrides), self._runtime)
            self._limits[limit] = seconds
        return limit

    def prepare(self, given: Given) -> Change:
        """Return what puts settings by name in force, over what decorators say.

        Raises:
            UnknownSettingError, ConfigurationError: names timeout and setting.
        """
        overrides = Overrides("timeout", given)
        for name, options in overrides:
            TimeoutSettings.check(options, f"timeout {name!r}")

        def seconds_of(limit: TimeLimit) -> float:
            return _effective(limit.name, self._limits[limit], overrides)

        def commit() -> None:
            with self._lock:
                self._overrides = overrides
                for limit in list(self._limits):
                    limit.seconds = seconds_of(limit)

        return Change(seconds_of, commit)

    def origin(self, limit: TimeLimit) -> str:
        """Return where a limit's seconds came from."""
        return self._overrides.source(limit.name, "seconds", {"seconds": limit.seconds})

    def warn_of_unknown(self, *, only_near: bool = False) -> None:
        """Warn of settings for timeouts that do not exist.

        Args:
            only_near: leave out names that resemble no timeout: those may be yet to come.
        """
        with self._lock:
            known = {limit.name for limit in list(self._limits)}
        self._overrides.warn_of_unknown(known, only_near=only_near)

    def after_fork(self) -> None:
        """Begin without threads in a forked child."""
        self._lock = Lock()
        self.workers.reset()


def _effective(name: str, seconds: float, overrides: Overrides) -> float:
    return checked_seconds("seconds", overrides.over(name, {"seconds": seconds})["seconds"])


class TimeoutLayer:
    """Limits the time of a function's calls.

    Args:
        timeouts: the system's time limits.
        seconds: > 0 (a number, or a `timedelta`).
        name: what settings and messages call it; default: the name of the function's circuit, or
            without one its `module.qualname`.

    Raises:
        ConfigurationError: a value out of range.
    """

    __slots__ = ("_limit", "_name", "_seconds", "_timeouts")

    role = "timeout"

    def __init__(self, timeouts: Timeouts, seconds: Any, name: str | None = None) -> None:
        self._timeouts = timeouts
        self._seconds = checked_seconds("timeout seconds", seconds)
        self._name = None if name is None else text("timeout name", name)
        self._limit: TimeLimit | None = None

    @property
    def limit(self) -> TimeLimit:
        """The limit in force."""
        assert self._limit is not None
        return self._limit

    def attach(self, guard: Guard) -> None:
        """Fit any function."""

    def wrap(self, call: Callable[..., Any], guard: Guard) -> Callable[..., Any]:
        """Return `call` within its time."""
        limit = self._timeouts.limit(self._name or guard.component, self._seconds)
        self._limit, workers = limit, self._timeouts.workers
        if guard.kind is Kind.SYNC:
            return timed.timed_sync(limit, workers, call)
        if guard.kind is Kind.ASYNC:
            return timed.timed_async(limit, call)
        if guard.kind is Kind.GENERATOR:
            return timed.timed_generator(limit, workers, call)
        return timed.timed_async_generator(limit, call)

    def __reduce__(self) -> Any:
        return TimeoutLayer, (self._timeouts, self._seconds, self._name)

    def describe(self) -> Iterator[str]:
        """Yield the limit, with its source."""
        yield f"timeout {self.limit.name!r}"
        yield f"seconds = {self.limit.seconds}  ({self._timeouts.origin(self.limit)})"


_registry: weakref.WeakSet[Timeouts] = weakref.WeakSet()


def _after_fork() -> None:
    for timeouts in list(_registry):
        timeouts.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
