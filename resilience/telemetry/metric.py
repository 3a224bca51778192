"""What a metric is, and one value of it, whoever wants to be told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a metric's values do."""

    COUNTER = "counter"  # only grow, while the process lives
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Together(StrEnum):
    """What the gauges of several workers amount to."""

    SUM = "sum"
    MOST = "max"
    LEAST = "min"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric, as Prometheus names it.

    Args:
        name: with its unit, without `_total`.
        kind: whether it is counted, read or distributed.
        text: one line on what it is.
        labels: the names of its labels.
        together: what several workers' values amount to, where it is a gauge.
    """

    name: str
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()
    together: Together = Together.SUM


class Distribution(NamedTuple):
    """Durations that were seen, since the beginning.

    Args:
        bins: `((seconds, how many), ...)`, shortest first; seconds are to 4.5 %.
        seconds: of all of them together.
    """

    bins: tuple[tuple[float, int], ...]
    seconds: float


class Sample(NamedTuple):
    """One value of a metric.

    Args:
        metric: which.
        labels: the values of its labels, in their order.
        value: a number; of a histogram a `Distribution`.
    """

    metric: Metric
    labels: tuple[str, ...]
    value: float | Distribution
