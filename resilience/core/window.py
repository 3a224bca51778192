"""Counting calls and failures over the last seconds, or the last calls.

A success takes the next number of `tick`: no lock, no allocation, exact with and without the GIL.
Everything else is asked with the owner's lock held.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import count
from math import inf
from typing import NamedTuple, Protocol

BUCKETS = 10


class Counts(NamedTuple):
    """What a window holds: calls, and how many of them failed or were slow."""

    calls: int
    failures: int
    slow: int


NOTHING = Counts(0, 0, 0)


class Tally:
    """A counter that many threads advance without a lock.

    `itertools.count` hands out each number once; reading takes a number too, so it keeps count
    of how often it looked.
    """

    __slots__ = ("_looks", "tick")

    def __init__(self) -> None:
        self.tick: Iterator[int] = count()
        self._looks = 0

    def take(self) -> int:
        """Count one call and return its position, from 0; the owner's lock is held."""
        return next(self.tick) - self._looks

    def value(self) -> int:
        """Return how many were counted; the owner's lock is held."""
        value = next(self.tick) - self._looks
        self._looks += 1
        return value


class Window(Protocol):
    """What a closed circuit asks of its window."""

    tick: Iterator[int]
    until: float  # monotonic seconds from which the window wants to be asked again

    def record(self, now: float, failed: bool, slow: bool) -> None:
        """Count one call."""

    def counts(self, now: float) -> Counts:
        """Return what the window holds at `now`."""
        ...

    def totals(self) -> Counts:
        """Return all that was ever counted."""
        ...


class TimeWindow:
    """The last `span` seconds, in ten buckets aligned to the clock: 0.9 to 1.0 spans are seen."""

    __slots__ = (
        "_base", "_gone", "_index", "_now", "_past", "_sum", "_tally", "_width", "tick", "until",
    )  # fmt: skip

    def __init__(self, span: float) -> None:
        self._tally = Tally()
        self.tick = self._tally.tick
        self.until = -inf
        self._width = span / BUCKETS
        self._index = 0
        self._base = 0  # the tally when the present bucket began
        self._now = [0, 0]  # failures and slow calls in the present bucket
        self._sum = [0, 0, 0]  # calls, failures, slow calls in `_past`
        self._gone = (0, 0)  # failures and slow calls that are older than the window
        # At most ten: a list is a tenth of an empty deque's size.
        self._past: list[tuple[int, int, int, int]] = []

    def record(self, now: float, failed: bool, slow: bool) -> None:
        """Count one call into the present bucket."""
        self._roll(now)
        next(self._tally.tick)
        self._now[0] += failed
        self._now[1] += slow

    def counts(self, now: float) -> Counts:
        """Return the sums over the buckets that are still in the window."""
        self._roll(now)
        calls, failures, slow = self._sum
        present = self._tally.value() - self._base
        return Counts(calls + present, failures + self._now[0], slow + self._now[1])

    def totals(self) -> Counts:
        """Return all that was ever counted."""
        failures, slow = (
            sum(each) for each in zip(self._gone, self._sum[1:], self._now, strict=True)
        )
        return Counts(self._tally.value(), failures, slow)

    def _roll(self, now: float) -> None:
        if now < self.until:
            return
        index = int(now // self._width)
        total = self._tally.value()
        if total > self._base:
            failures, slow = self._now
            self._keep((self._index, total - self._base, failures, slow))
        self._base, self._index, self._now = total, index, [0, 0]
        self.until = (index + 1) * self._width
        while self._past and self._past[0][0] <= index - BUCKETS:
            self._drop(self._past.pop(0))

    def _keep(self, bucket: tuple[int, int, int, int]) -> None:
        self._past.append(bucket)
        self._sum = [kept + added for kept, added in zip(self._sum, bucket[1:], strict=True)]

    def _drop(self, bucket: tuple[int, int, int, int]) -> None:
        self._gone = (self._gone[0] + bucket[2], self._gone[1] + bucket[3])
        self._sum = [kept - gone for kept, gone in zip(self._sum, bucket[1:], strict=True)]


class CountWindow:
    """The last `size` calls, exactly. Only failures and slow calls take memory."""

    __slots__ = ("_failures", "_gone", "_marks", "_size", "_slow", "_tally", "tick", "until")

    def __init__(self, size: int) -> None:
        self._tally = Tally()
        self.tick = self._tally.tick
        self.until = inf
        self._size = size
        self._failures = self._slow = 0
        self._gone = (0, 0)  # failures and slow calls that are older than the window
        self._marks: deque[tuple[int, bool, bool]] = deque()

    def record(self, now: float, failed: bool, slow: bool) -> None:
        """Count one call, and remember its position if it failed or was slow."""
        position = self._tally.take()
        if failed or slow:
            self._marks.append((position, failed, slow))
            self._failures += failed
            self._slow += slow

    def counts(self, now: float) -> Counts:
        """Forget what is older than `size` calls; return the rest."""
        total = self._tally.value()
        while self._marks and self._marks[0][0] < total - self._size:
            _, failed, slow = self._marks.popleft()
            self._failures -= failed
            self._slow -= slow
            self._gone = (self._gone[0] + failed, self._gone[1] + slow)
        return Counts(min(total, self._size), self._failures, self._slow)

    def totals(self) -> Counts:
        """Return all that was ever counted."""
        failures, slow = self._gone
        return Counts(self._tally.value(), failures + self._failures, slow + self._slow)
