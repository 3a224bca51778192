"""Where numbers are going, whatever a few of them say."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from itertools import combinations
from statistics import median

FEWEST = 10  # samples without which there is no trend
MOST = 20  # samples a trend is taken over: older ones would hide a turn

Sample = tuple[float, float]
"""Seconds and a number."""


class Trend(StrEnum):
    """Which way health goes."""

    IMPROVING = "improving"
    STABLE = "stable"
    DEGRADING = "degrading"


def slope(samples: Sequence[Sample]) -> float | None:
    """Return how much the number grows in a second; None without two samples of different times.

    The median of the slopes between all pairs: up to 29 % of the samples may be anything without
    changing its direction.

    Source: Theil (1950) and Sen, "Estimates of the Regression Coefficient Based on Kendall's
    Tau", Journal of the American Statistical Association 63 (1968).
    """
    slopes = [
        (second[1] - first[1]) / (second[0] - first[0])
        for first, second in combinations(samples, 2)
        if second[0] != first[0]
    ]
    return median(slopes) if slopes else None


def trend_of(samples: Sequence[Sample], least: float) -> Trend | None:
    """Return where scores go; None below ten samples.

    Args:
        samples: `(seconds, score)` in the order of time.
        least: how much the score has to change over the time of the samples, by its slope.
    """
    change = _change(samples)
    if change is None:
        return None
    if abs(change) < least:
        return Trend.STABLE
    return Trend.IMPROVING if change > 0 else Trend.DEGRADING


def latency_trend(samples: Sequence[Sample], least: float = 0.5) -> Trend | None:
    """Return where latencies go: growing ones degrade; None below ten samples.

    Args:
        samples: `(seconds, latency in seconds)` in the order of time.
        least: share of the median latency that the change has to amount to; changes under 1 ms
            are none.
    """
    change = _change(samples)
    if change is None:
        return None
    usual = median(latency for _, latency in samples)
    if abs(change) < max(least * usual, 0.001):
        return Trend.STABLE
    return Trend.DEGRADING if change > 0 else Trend.IMPROVING


def _change(samples: Sequence[Sample]) -> float | None:
    """Return how much the number changed from the first sample to the last, by the slope."""
    if len(samples) < FEWEST:
        return None
    pace = slope(samples)
    return None if pace is None else pace * (samples[-1][0] - samples[0][0])
