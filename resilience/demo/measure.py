"""What was answered, and when: samples, and what they amount to. No I/O, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from resilience.demo.plan import Act, Plan


class Kind(StrEnum):
    """What a user got."""

    FRESH = "fresh"
    STALE = "stale"
    FALLBACK = "fallback"
    REJECTED = "rejected"
    FAILED = "failed"


SERVED = (Kind.FRESH, Kind.STALE, Kind.FALLBACK)


def kind_of(status: int | None, degraded: str = "", retry_after: str | None = None) -> Kind:
    """Return the kind of an answer.

    Args:
        status: the HTTP status; None: there was no answer.
        degraded: the value of `X-Degraded`; an answer with both is a fallback.
        retry_after: the value of `Retry-After`, by which an honest 503 says when to come again.
    """
    if status == 503 and retry_after is not None:
        return Kind.REJECTED
    if status is None or not 200 <= status < 300:
        return Kind.FAILED
    if "=fallback" in degraded:
        return Kind.FALLBACK
    return Kind.STALE if "=stale" in degraded else Kind.FRESH


@dataclass(frozen=True, slots=True)
class Sample:
    """One request.

    Args:
        at: when it was due, in seconds after the beginning.
        took: seconds from then to the end of its answer; what it waited to be sent counts, too.
        kind: what the user got.
        status: the HTTP status; None: there was no answer.
        order: the number of the order that it was; "": it was none.
    """

    at: float
    took: float
    kind: Kind
    status: int | None
    order: str = ""

    @property
    def done(self) -> float:
        """When it was answered, in seconds after the beginning."""
        return self.at + self.took


class Tally:
    """All samples of one shop."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []

    def add(self, sample: Sample) -> None:
        """Count a request that has ended."""
        self.samples.append(sample)

    def due(self, act: Act, plan: Plan) -> list[Sample]:
        """Return the requests that were due in an act."""
        begin, end = plan.bounds(act)
        return [each for each in self.samples if begin <= each.at < end]

    def done(self, begin: float, end: float) -> list[Sample]:
        """Return the requests that were answered in a span of seconds after the beginning."""
        # Newest first, as far back as an answer can have taken: a screen asks many times a second.
        return [each for each in self.samples[-4000:] if begin <= each.done < end]

    def first(self, kind: Kind, after: float) -> float | None:
        """Return when the first answer of a kind came to a request due after a moment."""
        return min((each.done for each in self.samples if each.kind is kind and each.at >= after),
                   default=None)  # fmt: skip


def kinds(samples: Iterable[Sample]) -> dict[Kind, int]:
    """Return the number of samples of each kind."""
    counted = Counter(each.kind for each in samples)
    return {kind: counted[kind] for kind in Kind}


def percentile(samples: Iterable[Sample], share: float) -> float | None:
    """Return the seconds within which `share`, above 0 to 1, of the samples were answered.

    The nearest rank: a time that was measured, none in between. None: there are no samples.
    """
    times = sorted(each.took for each in samples)
    return times[ceil(share * len(times)) - 1] if times else None
