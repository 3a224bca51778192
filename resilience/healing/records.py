"""What became of failures: one record for each recovery, and numbers over all of them."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from threading import Lock
from typing import Any

from resilience.core.checks import number
from resilience.healing.failures import Failure

MOST_COMPONENTS = 1000


class Result(StrEnum):
    """How a recovery ended."""

    SUCCEEDED = "succeeded"  # and a check, or the call itself, shows it
    ANSWERED = "answered"  # the caller got something else; the component is as it was
    UNVERIFIED = "unverified"  # something was done, and nobody can tell whether it helped
    FAILED = "failed"  # nothing helped
    STOPPED = "stopped"  # too many recoveries: nothing was tried
    DEFERRED = "deferred"  # not now: it flaps, or others are at it, or it is not ours to heal

    @property
    def helped(self) -> bool:
        """Whether a call that failed is worth making again."""
        return self in (Result.SUCCEEDED, Result.UNVERIFIED)


@dataclass(frozen=True, slots=True)
class Recovery:
    """One recovery of a component, or of one call.

    Args:
        failure: the failure that began it.
        result: how it ended.
        strategy: what ended it; "" where nothing was tried.
        at: wall-clock time of its end, seconds since 1970-01-01 UTC.
        elapsed: seconds since the failure was detected.
        failures: how many failures of the component there were meanwhile, >= 1.
        steps: what was tried, in order, each with what came of it.
    """

    failure: Failure
    result: Result
    strategy: str
    at: float
    elapsed: float
    failures: int = 1
    steps: tuple[str, ...] = ()

    @property
    def component(self) -> str:
        """What was recovered."""
        return self.failure.component

    @property
    def category(self) -> str:
        """What kind of trouble it was."""
        return self.failure.category

    @property
    def severity(self) -> str:
        """How much it mattered."""
        return self.failure.severity

    @property
    def succeeded(self) -> bool:
        """Whether it is known to have helped."""
        return self.result is Result.SUCCEEDED


@dataclass(slots=True)
class Tally:
    """Numbers of one component, one category, or all.

    Args:
        failures: failures heard of.
        succeeded, answered, unverified, failed, stopped: recoveries by how they ended.
        escalated: incidents that people were told of.
        seconds: the time from failure to recovery, summed over those that succeeded.
    """

    failures: int = 0
    succeeded: int = 0
    answered: int = 0
    unverified: int = 0
    failed: int = 0
    stopped: int = 0
    escalated: int = 0
    seconds: float = 0.0

    @property
    def recoveries(self) -> int:
        """Recoveries that ended, however."""
        return self.succeeded + self.answered + self.unverified + self.failed + self.stopped

    @property
    def success_rate(self) -> float | None:
        """Verified successes / recoveries known to have succeeded or failed, 0-1; None: none."""
        known = self.succeeded + self.failed + self.stopped
        return self.succeeded / known if known else None

    @property
    def mean_time_to_recover(self) -> float | None:
        """Seconds from a failure to its verified recovery, on average; None: there was none."""
        return self.seconds / self.succeeded if self.succeeded else None

    def add(self, result: Result, elapsed: float) -> None:
        """Count a recovery."""
        name = result.value
        setattr(self, name, getattr(self, name) + 1)
        if result is Result.SUCCEEDED:
            self.seconds += elapsed

    def copy(self) -> Tally:
        """Return the numbers as they are now."""
        return Tally(self.failures, self.succeeded, self.answered, self.unverified, self.failed,
                     self.stopped, self.escalated, self.seconds)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the healer has seen since it began, or its history was last cleared.

    Args:
        total: all together.
        by_component: `{component: numbers}`, of the 1,000 that failed last.
        by_category: `{category: numbers}`.
        open: components that have failed and are not well again.
    """

    total: Tally
    by_component: Mapping[str, Tally] = field(default_factory=dict)
    by_category: Mapping[str, Tally] = field(default_factory=dict)
    open: tuple[str, ...] = ()

    @property
    def failures(self) -> int:
        """Failures heard of."""
        return self.total.failures

    @property
    def recoveries(self) -> int:
        """Recoveries that ended, however."""
        return self.total.recoveries

    @property
    def success_rate(self) -> float | None:
        """Verified successes / recoveries known to have succeeded or failed, 0-1; None: none."""
        return self.total.success_rate

    @property
    def mean_time_to_recover(self) -> float | None:
        """Seconds from a failure to its verified recovery, on average; None: there was none."""
        return self.total.mean_time_to_recover


class Book:
    """The records and numbers of one healer; bounded.

    Args:
        most: how many recoveries it remembers.
    """

    def __init__(self, most: int) -> None:
        self._lock = Lock()
        self._recoveries: deque[Recovery] = deque(maxlen=most)
        self._total = Tally()
        self._by_component: OrderedDict[str, Tally] = OrderedDict()
        self._by_category: dict[str, Tally] = {}

    def failed(self, failure: Failure) -> None:
        """Count a failure."""
        with self._lock:
            for tally in self._tallies(failure):
                tally.failures += 1

    def recovered(self, recovery: Recovery, *, kept: bool = True) -> None:
        """Count a recovery, and keep its record."""
        if recovery.result is Result.DEFERRED:
            return
        with self._lock:
            for tally in self._tallies(recovery.failure):
                tally.add(recovery.result, recovery.elapsed)
            if kept:
                self._recoveries.append(recovery)

    def escalated(self, failure: Failure) -> None:
        """Count an incident that people were told of."""
        with self._lock:
            for tally in self._tallies(failure):
                tally.escalated += 1

    def history(self, component: str | None = None) -> list[Recovery]:
        """Return what is remembered, of one component or of all, oldest first."""
        with self._lock:
            found = list(self._recoveries)
        return [each for each in found if component in (None, each.component)]

    def clear(self, before: float | datetime | None = None) -> int:
        """Forget recoveries that ended before a time, or all with their numbers.

        Returns:
            How many were forgotten.

        Raises:
            ConfigurationError: `before` is no time.
        """
        if before is None:
            return self._clear_all()
        until = _as_seconds(before)
        with self._lock:
            kept = [each for each in self._recoveries if each.at >= until]
            gone = len(self._recoveries) - len(kept)
            self._recoveries = deque(kept, maxlen=self._recoveries.maxlen)
        return gone

    def resize(self, most: int) -> None:
        """Remember so many recoveries from now on."""
        with self._lock:
            if most != self._recoveries.maxlen:
                self._recoveries = deque(self._recoveries, maxlen=most)

    def statistics(self, open_: tuple[str, ...]) -> Statistics:
        """Return the numbers as they are now."""
        with self._lock:
            return Statistics(
                self._total.copy(),
                {name: tally.copy() for name, tally in self._by_component.items()},
                {name: tally.copy() for name, tally in self._by_category.items()},
                open_,
            )

    def after_fork(self) -> None:
        """Replace the lock; one held at the fork stays locked for ever."""
        self._lock = Lock()

    def _clear_all(self) -> int:
        with self._lock:
            gone = len(self._recoveries)
            self._recoveries.clear()
            self._by_component.clear()
            self._by_category.clear()
            self._total = Tally()
        return gone

    def _tallies(self, failure: Failure) -> tuple[Tally, ...]:
        component = self._by_component.setdefault(failure.component, Tally())
        self._by_component.move_to_end(failure.component)
        if len(self._by_component) > MOST_COMPONENTS:
            self._by_component.popitem(last=False)
        return self._total, component, self._by_category.setdefault(failure.category, Tally())


def _as_seconds(before: Any) -> float:
    if isinstance(before, datetime):
        return before.timestamp()  # without a time zone: local time, as everywhere in Python
    return number("before", before)
