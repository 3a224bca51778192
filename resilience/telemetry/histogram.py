"""Durations and counts of the last seconds, in memory that does not grow with their number."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from math import ceil

SLICES = 10
STEPS_PER_DOUBLING = 8
SHORTEST = 0.0001  # seconds; what is shorter counts as this long
LONGEST = SHORTEST * 2**20  # about 105 s; what is longer counts as this long
BINS = 20 * STEPS_PER_DOUBLING + 1

ERROR = 2 ** (0.5 / STEPS_PER_DOUBLING) - 1
"""By how much of itself a quantile may be off, either way: 0.044."""

_NOTHING = array("I", [0] * BINS)
_BOUNDS = [SHORTEST * 2 ** ((place + 0.5) / STEPS_PER_DOUBLING) for place in range(BINS - 1)]


class Meter:
    """How many in a sliding window.

    The window is ten slices aligned to the clock: 0.9 to 1.0 spans are seen. Whoever shares one
    between threads holds a lock around each call.

    Args:
        span: seconds, > 0.
    """

    __slots__ = ("_ends", "_index", "_past", "_present", "_width")

    def __init__(self, span: float) -> None:
        self._width = self._ends = span / SLICES
        self._index = self._present = 0
        self._past: list[tuple[int, int]] = []

    def record(self, now: float) -> None:
        """Count one at `now`, in monotonic seconds."""
        if now >= self._ends:
            self._roll(now)
        self._present += 1

    def count(self, now: float) -> int:
        """Return how many there were in the window."""
        self._roll(now)
        return self._present + sum(count for _, count in self._past)

    def covered(self, now: float, since: float) -> float:
        """Return the seconds that the window spans, at least one slice, if counted `since` then."""
        begin = (now // self._width - SLICES + 1) * self._width
        return max(now - max(begin, since), self._width)

    def _roll(self, now: float) -> None:
        index = int(now // self._width)
        if index <= self._index:  # another thread may have read the clock a little later
            return
        if self._present:
            self._past.append((self._index, self._present))
        self._index, self._present = index, 0
        self._ends = (index + 1) * self._width
        while self._past and self._past[0][0] <= index - SLICES:
            self._past.pop(0)


class _Slice:
    """What was counted in a slice of the window, or in several."""

    __slots__ = ("bins", "count", "failures", "index", "seconds")

    def __init__(self, index: int) -> None:
        self.index = index
        self.count = self.failures = 0
        self.seconds = 0.0
        self.bins = array("I", _NOTHING)

    def add(self, other: _Slice, sign: int) -> None:
        """Add what another slice holds, or take it away again."""
        self.count += sign * other.count
        self.failures += sign * other.failures
        self.seconds = self.seconds + sign * other.seconds if self.count else 0.0
        for place, count in enumerate(other.bins):
            if count:
                self.bins[place] += sign * count


class Histogram:
    """A sliding window of durations: their number, sum, failures and quantiles.

    The window is as a `Meter`'s. Each duration falls into one of 161 bins whose bounds grow by
    2^(1/8), so that a quantile between 0.1 ms and 105 s is at most 4.5 % off the duration of
    that rank. Eleven KB at most, however many there are.

    Whoever shares one between threads holds a lock around each call.

    Args:
        span: seconds, > 0.

    Source:
        Bins of a constant relative width: Masson, Rim, Lee, *DDSketch*, VLDB 2019.
    """

    __slots__ = ("_before", "_ends", "_past", "_present", "_width")

    def __init__(self, span: float) -> None:
        self._width = self._ends = span / SLICES
        self._present = _Slice(0)
        self._past: list[_Slice] = []
        self._before = _Slice(0)  # the sum of `_past`

    def record(self, now: float, seconds: float, failed: bool = False) -> None:
        """Count a duration.

        Args:
            now: monotonic seconds.
            seconds: how long it was, >= 0.
            failed: whether it counts as a failure.
        """
        self.record_in(bin_of(seconds), now, seconds, failed)

    def record_in(self, place: int, now: float, seconds: float, failed: bool) -> None:
        """Count a duration whose bin, 0 to 160, is known: who counts it twice finds it once."""
        if now >= self._ends:
            self._roll(now)
        present = self._present
        present.count += 1
        if failed:
            present.failures += 1
        present.seconds += seconds
        present.bins[place] += 1

    def count(self, now: float) -> int:
        """Return how many durations are in the window."""
        self._roll(now)
        return self._before.count + self._present.count

    def failures(self, now: float) -> int:
        """Return how many of them failed."""
        self._roll(now)
        return self._before.failures + self._present.failures

    def seconds(self, now: float) -> float:
        """Return the sum of all durations in the window."""
        self._roll(now)
        return self._before.seconds + self._present.seconds

    def quantile(self, now: float, share: float) -> float | None:
        """Return the seconds within which `share`, above 0 to 1, of them were; None: of none.

        It is the middle of the bin that holds the nearest rank.
        """
        return _quantile(share, self.count(now), (self._before, self._present))

    def recent(self, now: float, share: float, least: int) -> float | None:
        """Return the same of the last one to two slices alone; None: of fewer than `least`."""
        self._roll(now)
        slices = [each for each in self._past[-1:] if each.index == self._present.index - 1]
        count = sum(each.count for each in (*slices, self._present))
        return None if count < least else _quantile(share, count, (*slices, self._present))

    def _roll(self, now: float) -> None:
        index = int(now // self._width)
        if index <= self._present.index:
            return
        if self._present.count:
            self._past.append(self._present)
            self._before.add(self._present, 1)
        self._present = _Slice(index)
        self._ends = (index + 1) * self._width
        while self._past and self._past[0].index <= index - SLICES:
            self._before.add(self._past.pop(0), -1)


def _quantile(share: float, count: int, slices: Sequence[_Slice]) -> float | None:
    rank = max(1, ceil(share * count))
    seen = 0
    for place, counts in enumerate(zip(*(each.bins for each in slices), strict=True)):
        seen += sum(counts)
        if seen >= rank:
            middle: float = SHORTEST * 2 ** (place / STEPS_PER_DOUBLING)
            return middle
    return None


def bin_of(seconds: float) -> int:
    """Return the bin whose middle is nearest on a logarithmic scale, 0 to 160."""
    return bisect_right(_BOUNDS, seconds)
