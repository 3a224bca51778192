"""Numbers for how well things are: percent for a component, 0 to 100 for the whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from resilience.health.results import Status

WEIGHTS: Mapping[str, int] = {"low": 1, "medium": 2, "high": 4, "critical": 8}
"""What a component's score weighs in the system's, by its criticality."""

HALF = 50.0  # the most that counts for a component nobody can see
REFUSING = 80.0  # what counts for a circuit that refuses calls: a warning, never more
DOWN = 0.5  # of the fatal threshold: the most a system scores with a critical component down


class Level(StrEnum):
    """What a score amounts to."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    FATAL = "fatal"

    @property
    def rank(self) -> int:
        """Return 0 (good) to 3 (bad), for comparing."""
        return list(Level).index(self)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores, in percent, below which a component is no longer well: warning > critical > fatal."""

    warning: float = 95.0
    critical: float = 80.0
    fatal: float = 50.0

    def level(self, score: float | None) -> Level:
        """Return what a score amounts to; an unknown one is ok."""
        if score is None or score >= self.warning:
            return Level.OK
        if score >= self.critical:
            return Level.WARNING
        return Level.CRITICAL if score >= self.fatal else Level.FATAL


class Part(NamedTuple):
    """What one component adds to the system's score.

    Args:
        score: percent 0-100; None: it has no result yet, and adds nothing.
        status: how it is.
        criticality: low, medium, high or critical.
    """

    score: float | None
    status: Status
    criticality: str


def system_score(parts: Iterable[Part], thresholds: Thresholds) -> float:
    """Return the score of the whole, 0-100; 100 where nothing is known.

    The mean of the components' scores, weighted by criticality. It is no better than the worst
    critical component, and with one of those down at most half the fatal threshold: an app
    without its database is not nearly well because its eleven other components are.
    """
    known = [part for part in parts if part.score is not None]
    weight = sum(WEIGHTS[part.criticality] for part in known)
    if not weight:
        return 100.0
    mean = sum((part.score or 0.0) * WEIGHTS[part.criticality] for part in known) / weight
    return min([mean, *_caps(known, thresholds)])


def _caps(parts: list[Part], thresholds: Thresholds) -> Iterable[float]:
    for part in parts:
        if part.criticality == "critical" and part.score is not None:
            yield part.score
            if part.status is Status.FAIL:
                yield thresholds.fatal * DOWN


def circuits_score(circuits: int, refusing: int) -> float | None:
    """Return the score of all circuits together, 80-100; None without any.

    Args:
        circuits: how many there are.
        refusing: how many of them refuse calls, each of which counts 80: what it protects has a
            fallback or a check of its own.
    """
    if not circuits:
        return None
    return 100.0 - (100.0 - REFUSING) * refusing / circuits
