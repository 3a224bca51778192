"""A component: its checks taken together, its score, where it goes, and what it was."""

from __future__ import annotations

from collections import deque
from itertools import takewhile

from resilience.health.report import CheckHealth, ComponentHealth
from resilience.health.results import CheckRecord, Status, worst
from resilience.health.score import WEIGHTS, Level, Thresholds, circuits_score
from resilience.health.settings import HealthSettings
from resilience.health.track import Track
from resilience.health.trend import MOST, Sample, Trend, latency_trend, trend_of

LEAST_CHANGE = 5.0  # points a score has to move for a trend


class Course:
    """The last numbers of something, and where they go."""

    __slots__ = ("samples",)

    def __init__(self) -> None:
        self.samples: deque[Sample] = deque(maxlen=MOST)

    def add(self, now: float, number: float) -> None:
        """Keep one more number."""
        self.samples.append((now, number))


class Component:
    """One component of the app; its owner's lock is held.

    Args:
        name: the component's name.
        settings: thresholds and sizes.
        at: wall-clock seconds.
    """

    def __init__(self, name: str, settings: HealthSettings, at: float) -> None:
        self.name = name
        self.tracks: dict[str, Track] = {}
        self.records: deque[CheckRecord] = deque()
        self.shown: tuple[Status, Level] = (Status.UNKNOWN, Level.OK)
        self.since = at
        self._scores, self._latencies = Course(), Course()
        self._trend: Trend | None = None
        self._latency_trend: Trend | None = None
        self.adjust(settings)

    def adjust(self, settings: HealthSettings) -> None:
        """Go by other settings from now on; what was found stays, as far as it has room."""
        self._thresholds = Thresholds(**settings.thresholds(self.name))
        self._retention = settings.retention
        self.records = deque(self.records, maxlen=settings.history_size)

    @property
    def criticality(self) -> str:
        """The highest of its checks'."""
        return max(
            (track.check.criticality for track in self.tracks.values()),
            key=WEIGHTS.__getitem__,
            default="low",
        )

    def hear(self, record: CheckRecord) -> None:
        """Take one result of one of its checks into account."""
        now = record.monotonic
        self.tracks[record.check].hear(record)
        self.records.append(record)
        self.forget_old(now)
        self._latencies.add(now, record.latency)
        score = self.score(now)
        if score is not None:
            self._scores.add(now, score)
        # Here, in the background, so that who reads a report waits for no slopes.
        self._trend = trend_of(self._scores.samples, LEAST_CHANGE)
        self._latency_trend = latency_trend(self._latencies.samples)

    def forget_old(self, now: float) -> None:
        """Drop records beyond their retention."""
        while self.records and self.records[0].monotonic < now - self._retention:
            self.records.popleft()

    def results_since(self, monotonic: float) -> list[CheckRecord]:
        """Return the results after that moment, oldest first."""
        fresh = list(takewhile(lambda record: record.monotonic > monotonic, reversed(self.records)))
        fresh.reverse()
        return fresh

    def clear(self, now: float) -> None:
        """Forget every result; that nothing is known then is no change that anybody is told of."""
        self.shown = (Status.UNKNOWN, Level.OK)
        self.records.clear()
        self._scores, self._latencies = Course(), Course()
        self._trend = self._latency_trend = None
        for track in self.tracks.values():
            track.clear(now)

    def score(self, now: float) -> float | None:
        """Return its availability, percent: that of the worst of its checks that matter most."""
        mattering = self._mattering()
        known = [
            each for each in (track.availability(now) for track in mattering) if each is not None
        ]
        return min(known, default=None)

    def status(self, now: float) -> Status:
        """Return how it is, scores aside: what matters less than the rest only warns."""
        most = self._mattering()
        others = [track for track in self.tracks.values() if track not in most]
        mild = (min(track.status(now), Status.WARN, key=_rank) for track in others)
        return worst(*(track.status(now) for track in most), *mild)

    def health(self, now: float) -> ComponentHealth:
        """Return all that is known of it."""
        score, status = self.score(now), self.status(now)
        judged = status is Status.FAIL or self.judged
        level = self._thresholds.level(score) if judged else Level.OK
        latencies = (track.latency(now) for track in self.tracks.values())
        return ComponentHealth(
            name=self.name,
            status=status,
            level=level,
            score=score,
            criticality=self.criticality,
            latency=max((each.mean for each in latencies if each is not None), default=None),
            trend=self._trend,
            latency_trend=self._latency_trend,
            flapping=self.flapping,
            since=self.since,
            checks=tuple(_check_health(track, now) for track in self.tracks.values()),
        )

    @property
    def judged(self) -> bool:
        """True once its checks have enough results for a percentage to mean something."""
        return all(track.judged for track in self.tracks.values())

    def is_lost(self, now: float) -> bool:
        """Tell whether results should be there and are not, or say that they know nothing."""
        return any(
            track.overdue(now) or (track.last is not None and track.status(now) is Status.UNKNOWN)
            for track in self.tracks.values()
        )

    @property
    def flapping(self) -> bool:
        """True while one of its checks flaps."""
        return any(track.verdict.flapping for track in self.tracks.values())

    def _mattering(self) -> list[Track]:
        """Return its checks of the highest criticality."""
        criticality = self.criticality
        return [track for track in self.tracks.values() if track.check.criticality == criticality]


class CircuitsTogether:
    """All circuits of a system, as one component that reports by itself.

    They warn at worst: what a circuit protects has a fallback, or a check of its own.
    """

    name = "circuits"

    def __init__(self, at: float) -> None:
        self.shown: tuple[Status, Level] = (Status.UNKNOWN, Level.OK)
        self.since = at
        self._scores = Course()
        self._trend: Trend | None = None

    def sample(self, now: float, circuits: int, refusing: int) -> None:
        """Keep one more score for the trend."""
        score = circuits_score(circuits, refusing)
        if score is not None:
            self._scores.add(now, score)
            self._trend = trend_of(self._scores.samples, LEAST_CHANGE)

    def health(self, circuits: int, refusing: int, thresholds: Thresholds) -> ComponentHealth:
        """Return how they are: `refusing` of `circuits` refuse calls."""
        score = circuits_score(circuits, refusing)
        return ComponentHealth(
            name=self.name,
            status=Status.WARN if refusing else Status.PASS,
            level=min(thresholds.level(score), Level.WARNING, key=lambda level: level.rank),
            score=score,
            criticality="medium",
            latency=None,
            trend=self._trend,
            latency_trend=None,
            flapping=False,
            since=self.since,
            checks=(),
        )


def _rank(status: Status) -> int:
    return status.rank


def _check_health(track: Track, now: float) -> CheckHealth:
    last, latency = track.last, track.latency(now)
    return CheckHealth(
        name=track.check.name,
        component=track.check.component,
        criticality=track.check.criticality,
        status=track.status(now),
        flapping=track.verdict.flapping,
        overdue=track.overdue(now),
        availability=track.availability(now),
        latency=None if latency is None else latency.last,
        latency_p95=None if latency is None else latency.p95,
        checked_at=None if last is None else last.at,
        output=None if last is None else last.output,
        observed_value=None if last is None else last.observed_value,
        observed_unit=None if last is None else last.observed_unit,
    )
