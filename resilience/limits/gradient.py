"""The adaptive concurrency limit: how many requests may be under way, found from their latency."""

from __future__ import annotations

from math import sqrt

INITIAL, LEAST, MOST = 100.0, 20.0, 1000.0
TOLERANCE = 1.5
"""Latency may be so many times what is usual before it counts as queueing."""

_SMOOTHING = 0.2
_WARM_UP, _WINDOW = 10, 600  # samples
_CALM = 10  # windows without a refusal after which the limit binds no more
_ENOUGH = 10  # requests in a window whose mean latency can be trusted


class Sample:
    """What was seen in one window, about a second long.

    Args:
        seconds: how long the window was, > 0.
        finished: requests that ended in it.
        latency: their mean latency in seconds, > 0; of no request 0.
        peak: the most that were under way at once.
        refused: requests that the limit turned away in it.
    """

    __slots__ = ("finished", "latency", "peak", "refused", "seconds")

    def __init__(
        self, seconds: float, finished: int, latency: float, peak: int, refused: int
    ) -> None:
        self.seconds = seconds
        self.finished = finished
        self.latency = latency
        self.peak = peak
        self.refused = refused


class GradientLimit:
    """How many requests may be under way at once before latency suffers.

    The gradient is what latency usually is by what it is now, 0.5 to 1. Below 1 requests wait
    for each other: the limit shrinks with it, and binds. At 1 it grows by its square root, in
    case there is room for more. It binds no more after ten windows without a refusal; then what
    was served at once without waiting is known to be served, however much it is.

    Attributes:
        limit: requests, 20 to 1000.
        binding: whether what is above it is to be turned away.

    Source:
        Netflix concurrency-limits, `Gradient2Limit`: 20 % smoothing, a long-term mean over 600
        samples, no change while less than half of the limit is used. Whether it binds is ours:
        there a burst that harms nobody is turned away until the limit has grown.
    """

    __slots__ = ("_calm", "_samples", "_usual", "binding", "limit")

    def __init__(self) -> None:
        self.limit = INITIAL
        self.binding = False
        self._usual = 0.0
        self._samples = 0
        self._calm = 0

    def update(self, sample: Sample) -> None:
        """Take up what was seen in a window."""
        latency = _latency(sample, self.limit)
        if latency <= 0:
            return
        self._learn(latency)
        gradient = max(0.5, min(1.0, TOLERANCE * self._usual / latency))
        if sample.peak >= self.limit / 2:
            self._move(gradient, sample.peak)
        self._calm = 0 if sample.refused or gradient < 1 else self._calm + 1
        self.binding = self.binding and self._calm < _CALM

    def _move(self, gradient: float, peak: int) -> None:
        if gradient < 1:
            self.binding = True
            shrunk = self.limit * gradient + sqrt(self.limit)
            self.limit += _SMOOTHING * min(0.0, shrunk - self.limit)
        else:
            self.limit += sqrt(self.limit)
            if not self.binding:
                self.limit = max(self.limit, float(peak))
        self.limit = max(LEAST, min(MOST, self.limit))

    def _learn(self, latency: float) -> None:
        self._samples += 1
        share = 1 / self._samples if self._samples <= _WARM_UP else 2 / (_WINDOW + 1)
        self._usual += share * (latency - self._usual)
        if self._usual > 2 * latency:  # it was high for long, and is well again
            self._usual *= 0.9


def _latency(sample: Sample, limit: float) -> float:
    """Return the mean latency of a window; 0: too little was seen.

    Where much is under way and hardly anything ends, nobody has measured how long it takes:
    Little's law says how long it will.
    """
    if sample.finished >= _ENOUGH:
        return sample.latency
    if sample.peak >= limit / 2:
        return max(sample.latency, sample.peak * sample.seconds / max(1, sample.finished))
    return 0.0
