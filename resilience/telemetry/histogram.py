"""Durations of the last seconds, in memory that does not grow with their number."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import ceil

from resilience.telemetry.metric import Distribution

SLICES = 10
STEPS_PER_DOUBLING = 8
SHORTEST = 0.0001  # seconds; what is shorter counts as this long
LONGEST = SHORTEST * 2**20  # about 105 s; what is longer counts as this long
BINS = 20 * STEPS_PER_DOUBLING + 1

ERROR = 2 ** (0.5 / STEPS_PER_DOUBLING) - 1
"""By how much of itself a quantile may be off, either way: 0.044."""

_NOTHING = array("I", [0] * BINS)
_BOUNDS = [SHORTEST * 2 ** ((place + 0.5) / STEPS_PER_DOUBLING) for place in range(BINS - 1)]


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


class Durations:
    """Many durations at once: who counts them twice sorts them once.

    Most of what comes together lies close together, so that a search for each bin is quicker than
    one for each duration.

    Args:
        durations: seconds, >= 0; they are sorted in place.

    Attributes:
        count: how many.
        seconds: their sum.
        bins: those whose middle is nearest on a logarithmic scale, `[(0 to 160, how many)]`.
    """

    __slots__ = ("bins", "count", "seconds")

    def __init__(self, durations: list[float]) -> None:
        self.count = count = len(durations)
        self.seconds = sum(durations)
        self.bins: list[tuple[int, int]] = []
        durations.sort()
        begin = 0
        while begin < count:
            place = bisect_right(_BOUNDS, durations[begin])
            end = bisect_left(durations, _BOUNDS[place], begin) if place < len(_BOUNDS) else count
            self.bins.append((place, end - begin))
            begin = end


class Ever:
    """Durations since the beginning.

    Attributes:
        bins: `{place: how many}` of the bins that are not empty.
        failures: how many of them failed.
        seconds: their sum.
    """

    __slots__ = ("bins", "failures", "seconds")

    def __init__(self) -> None:
        self.bins: dict[int, int] = {}
        self.failures = 0
        self.seconds = 0.0

    def distribution(self) -> Distribution:
        """Return them, each as long as the middle of its bin."""
        bins = ((middle(place), count) for place, count in sorted(self.bins.items()))
        return Distribution(tuple(bins), self.seconds)


class Histogram:
    """A sliding window of durations: their number, sum, failures and quantiles.

    The window is ten slices aligned to the clock: 0.9 to 1.0 spans are seen. Each duration falls
    into one of 161 bins whose bounds grow by 2^(1/8), so that a quantile between 0.1 ms and 105 s
    is at most 4.5 % off the duration of that rank. Eleven KB at most, however many there are.

    Whoever shares one between threads holds a lock around each call; to `new` any thread may
    append without.

    Args:
        span: seconds, > 0.

    Attributes:
        new: durations, in seconds, that came and are not counted yet; who has the histogram counts
            them, before the present slice ends.
        ever: what was counted since it was made, however long ago: `Ever`.

    Source:
        Bins of a constant relative width: Masson, Rim, Lee, *DDSketch*, VLDB 2019.
    """

    __slots__ = ("_before", "_past", "_present", "_width", "ends", "ever", "new")

    def __init__(self, span: float) -> None:
        self.ever = Ever()
        self._width = self.ends = span / SLICES
        self._present = _Slice(0)
        self._past: list[_Slice] = []
        self._before = _Slice(0)  # the sum of `_past`
        self.new: list[float] = []

    def record(self, now: float, seconds: float, failed: bool = False) -> None:
        """Count a duration.

        Args:
            now: monotonic seconds.
            seconds: how long it was, >= 0.
            failed: whether it counts as a failure.
        """
        self.roll(now)
        self.add(Durations([seconds]))
        if failed:
            self.fail()

    def add(self, durations: Durations) -> None:
        """Count durations in the present slice."""
        present, ever = self._present, self.ever
        present.count += durations.count
        present.seconds += durations.seconds
        ever.seconds += durations.seconds
        bins, of_all = present.bins, ever.bins
        for place, count in durations.bins:
            bins[place] += count
            of_all[place] = of_all.get(place, 0) + count

    def fail(self) -> None:
        """Count one of the durations as a failure, in the present slice."""
        self._present.failures += 1
        self.ever.failures += 1

    def count(self, now: float) -> int:
        """Return how many durations are in the window."""
        self.roll(now)
        return self._before.count + self._present.count

    def failures(self, now: float) -> int:
        """Return how many of them failed."""
        self.roll(now)
        return self._before.failures + self._present.failures

    def seconds(self, now: float) -> float:
        """Return the sum of all durations in the window."""
        self.roll(now)
        return self._before.seconds + self._present.seconds

    def quantile(self, now: float, share: float) -> float | None:
        """Return the seconds within which `share`, above 0 to 1, of them were; None: of none.

        It is the middle of the bin that holds the nearest rank.
        """
        return _quantile(share, self.count(now), (self._before, self._present))

    def recent(self, now: float, share: float, least: int) -> float | None:
        """Return the same of the last one to two slices alone; None: of fewer than `least`."""
        self.roll(now)
        slices = [each for each in self._past[-1:] if each.index == self._present.index - 1]
        count = sum(each.count for each in (*slices, self._present))
        return None if count < least else _quantile(share, count, (*slices, self._present))

    def roll(self, now: float) -> None:
        """Begin the slice that `now` is in, if it is a later one, and forget what is too old."""
        index = int(now // self._width)
        if index <= self._present.index:
            return
        if self._present.count:
            self._past.append(self._present)
            self._before.add(self._present, 1)
        self._present = _Slice(index)
        self.ends = (index + 1) * self._width
        while self._past and self._past[0].index <= index - SLICES:
            self._before.add(self._past.pop(0), -1)


def _quantile(share: float, count: int, slices: Sequence[_Slice]) -> float | None:
    rank = max(1, ceil(share * count))
    seen = 0
    for place, counts in enumerate(zip(*(each.bins for each in slices), strict=True)):
        seen += sum(counts)
        if seen >= rank:
            return middle(place)
    return None


def middle(place: int) -> float:
    """Return the seconds in the middle of a bin, 0 to 160, on a logarithmic scale."""
    seconds: float = SHORTEST * 2 ** (place / STEPS_PER_DOUBLING)
    return seconds


def covered(now: float, since: float, span: float) -> float:
    """Return the seconds that a window spans, at least one slice, if counted `since` then."""
    width = span / SLICES
    begin = (now // width - SLICES + 1) * width
    return max(now - max(begin, since), width)
