"""All components of a system, taken together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping

from resilience.circuits.breaker import Circuit
from resilience.circuits.states import CircuitState
from resilience.health.changes import Change, Shown
from resilience.health.checks import Check
from resilience.health.components import LEAST_CHANGE, CircuitsTogether, Component, Course
from resilience.health.report import ComponentHealth, HealthReport, Snapshot
from resilience.health.results import CheckRecord, Status
from resilience.health.runs import Finding
from resilience.health.score import (
    HALF,
    Level,
    Part,
    Thresholds,
    circuits_score,
    system_score,
)
from resilience.health.settings import HealthSettings
from resilience.health.track import Track
from resilience.health.trend import Trend, trend_of

REFUSING = frozenset({CircuitState.OPEN, CircuitState.HALF_OPEN, CircuitState.FORCED_OPEN})
"""The states of a circuit that refuses calls, or most of them."""

Circuits = Callable[[], Iterable[Circuit]]


class Overview:
    """What is known of all components; its owner's lock is held.

    Args:
        settings: thresholds and sizes.
        circuits: gives the circuits, which report by themselves.
        at: wall-clock seconds.
    """

    def __init__(self, settings: HealthSettings, circuits: Circuits, at: float) -> None:
        self.components: dict[str, Component] = {}
        self.snapshots: deque[Snapshot] = deque()
        self._circuits = circuits
        self._together = CircuitsTogether(at)
        self._shown: Shown = (Status.UNKNOWN, Level.OK)
        self._scores = Course()
        self._trend: Trend | None = None
        self.adjust(settings)

    def adjust(self, settings: HealthSettings) -> None:
        """Go by other settings from now on."""
        self._settings = settings
        self._thresholds = Thresholds(**settings.thresholds())
        self._of_circuits = Thresholds(**settings.thresholds(CircuitsTogether.name))
        self.snapshots = deque(self.snapshots, maxlen=settings.history_size)
        for component in self.components.values():
            component.adjust(settings)

    # -- what checks find ---------------------------------------------------------------------

    def put(self, check: Check, now: float, at: float) -> None:
        """Have a check tell about its component; what it found before stays."""
        for component in list(self.components.values()):
            if check.name in component.tracks and component.name != check.component:
                self._take_out(component, check.name)
        component = self.components.setdefault(
            check.component, Component(check.component, self._settings, at)
        )
        if check.name in component.tracks:
            component.tracks[check.name].adjust(check, self._settings)
        else:
            component.tracks[check.name] = Track(check, self._settings, now)

    def take_out(self, check: Check) -> None:
        """Forget a check, and its component with the last one."""
        self._take_out(self.components[check.component], check.name)

    def _take_out(self, component: Component, name: str) -> None:
        component.tracks.pop(name, None)
        if not component.tracks:
            del self.components[component.name]

    def hear(self, check: Check, finding: Finding, at: float) -> None:
        """Take what a check found into account."""
        component = self.components.get(check.component)
        if component is None or check.name not in component.tracks:
            return  # it was removed while it ran
        result = finding.result
        component.hear(
            CheckRecord(
                check=check.name,
                component=check.component,
                status=Status(result.status),
                at=at,
                monotonic=finding.at,
                latency=finding.latency,
                output=result.output,
                observed_value=result.observed_value,
                observed_unit=result.observed_unit,
            )
        )

    def clear(self, now: float) -> None:
        """Forget every result, and how the whole was."""
        self.snapshots.clear()
        self._scores = Course()
        self._trend = None
        for component in self.components.values():
            component.clear(now)

    # -- reading ------------------------------------------------------------------------------

    def report(self, now: float, at: float) -> HealthReport:
        """Return how everything is."""
        circuits, refusing = self.circuits()
        components = self._health(now, circuits, refusing)
        score = self._score(components, now)
        status = self._status(components, now)
        judged = status is Status.FAIL or all(each.judged for each in self.components.values())
        return HealthReport(
            status=status,
            score=score,
            level=self._thresholds.level(score) if judged else Level.OK,
            trend=self._trend,
            at=at,
            components=components,
            circuits=circuits,
            refusing=refusing,
        )

    def score(self, now: float) -> float:
        """Return the score of the whole, 0-100."""
        return self._score(self._health(now, *self.circuits()), now)

    def score_of(self, name: str, now: float) -> float | None:
        """Return the score of a component, percent; None if there is none."""
        if name == CircuitsTogether.name:
            return circuits_score(*self.circuits())
        component = self.components.get(name)
        return None if component is None else component.score(now)

    def critical_down(self, now: float) -> list[str]:
        """Return the names of the critical components that are down."""
        return [
            component.name
            for component in self.components.values()
            if component.criticality == "critical" and component.status(now) is Status.FAIL
        ]

    def circuits(self) -> tuple[int, int]:
        """Return how many circuits there are, and how many of them refuse calls."""
        states = [circuit.state for circuit in self._circuits()]
        return len(states), sum(state in REFUSING for state in states)

    def _health(self, now: float, circuits: int, refusing: int) -> dict[str, ComponentHealth]:
        found = {name: each.health(now) for name, each in self.components.items()}
        if circuits:
            together = self._together.health(circuits, refusing, self._of_circuits)
            found[CircuitsTogether.name] = together
        return found

    def _score(self, components: Mapping[str, ComponentHealth], now: float) -> float:
        parts = (
            Part(self._counted(each, now), each.status, each.criticality)
            for each in components.values()
        )
        return system_score(parts, self._thresholds)

    def _counted(self, health: ComponentHealth, now: float) -> float | None:
        """Return what a component adds: at most half where nobody knows how it is any more."""
        if health.status is Status.UNKNOWN and self._is_lost(health.name, now):
            return min(HALF, HALF if health.score is None else health.score)
        return health.score

    def _status(self, components: Mapping[str, ComponentHealth], now: float) -> Status:
        if self.critical_down(now):
            return Status.FAIL
        lost = (self._is_lost(name, now) for name in components)
        worrying = (each.status in (Status.WARN, Status.FAIL) for each in components.values())
        if any(worrying) or any(lost):
            return Status.WARN
        return Status.PASS

    def _is_lost(self, name: str, now: float) -> bool:
        """Tell whether results of a component should be there and are not."""
        component = self.components.get(name)
        return component is not None and self._settings.enabled and component.is_lost(now)

    # -- what the background does -------------------------------------------------------------

    def changes(self, now: float, at: float) -> Iterator[Change]:
        """Yield what is not any more as it was when this was asked last."""
        report = self.report(now, at)
        for health in report.components.values():
            yield from self._change(health, at)
        shown = (report.status, report.level)
        if shown != self._shown:
            yield Change.of_all(report, self._shown)
            self._shown = shown

    def change_of(self, name: str, now: float, at: float) -> Change | None:
        """Return what is not any more as it was of one component, if anything."""
        component = self.components.get(name)
        return None if component is None else next(self._change(component.health(now), at), None)

    def _change(self, health: ComponentHealth, at: float) -> Iterator[Change]:
        owner = self.components.get(health.name, self._together)
        was, shown = owner.shown, (health.status, health.level)
        if shown == was:
            return
        owner.shown = shown
        if shown[0] != was[0]:
            owner.since = at
        yield Change.of(health, was)

    def sample(self, now: float, at: float) -> None:
        """Keep how everything is, for trend and history; forget what is too old."""
        report = self.report(now, at)
        self._scores.add(now, report.score)
        self._trend = trend_of(self._scores.samples, LEAST_CHANGE)
        self._together.sample(now, report.circuits, report.refusing)
        self.snapshots.append(Snapshot(at, now, report.status, report.score))
        while self.snapshots[0].monotonic < now - self._settings.retention:
            self.snapshots.popleft()
        for component in self.components.values():
            component.forget_old(now)
