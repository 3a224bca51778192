"""What health looks like at one moment, for people and programs to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from resilience.health.results import Observed, Status
from resilience.health.score import Level
from resilience.health.trend import Trend


@dataclass(frozen=True, slots=True)
class CheckHealth:
    """One check at one moment.

    Args:
        name: the check's name.
        component: what it tells about.
        criticality: low, medium, high or critical.
        status: how things are by its last results, steadied; unknown without recent ones.
        flapping: True while it is frozen in its worst state because it changes too often.
        overdue: True when there is no result for three intervals: it hangs, or nothing runs it.
        availability: percent of the window's results that passed; None without any.
        latency: seconds the last run took; None without any.
        latency_p95: seconds that 95 of 100 runs of the window stayed under; None without any.
        checked_at: when the last run ended, wall-clock seconds; None: never.
        output: what the last run said; None: nothing.
        observed_value: what the last run measured; None: nothing.
        observed_unit: its unit; None: it has none.
    """

    name: str
    component: str
    criticality: str
    status: Status
    flapping: bool
    overdue: bool
    availability: float | None
    latency: float | None
    latency_p95: float | None
    checked_at: float | None
    output: str | None
    observed_value: Observed | None
    observed_unit: str | None


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """One component at one moment.

    Args:
        name: the component's name; "circuits" stands for all circuits together.
        status: the worst of its checks, where those that matter less than the others only warn.
        level: what its score amounts to: ok, warning, critical, fatal; ok below twenty results,
            unless it is down.
        score: percent of availability, 0-100; None: no result yet.
        criticality: the highest of its checks'.
        latency: seconds its slowest check took on average in the window; None: no result yet.
        trend: where its score goes; None below ten results.
        latency_trend: where its latency goes; None below ten results.
        flapping: True while one of its checks flaps.
        since: when `status` came to be what it is, wall-clock seconds.
        checks: its checks, in the order they were registered.
    """

    name: str
    status: Status
    level: Level
    score: float | None
    criticality: str
    latency: float | None
    trend: Trend | None
    latency_trend: Trend | None
    flapping: bool
    since: float
    checks: tuple[CheckHealth, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole at one moment, as it is kept in the history.

    Args:
        at: wall-clock seconds since 1970-01-01 UTC.
        monotonic: the same on the system's monotonic clock.
        status: pass, warn or fail.
        score: 0-100.
    """

    at: float
    monotonic: float
    status: Status
    score: float


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The whole at one moment.

    Args:
        status: fail when a critical component is down; warn when anything is not as it should
            be; else pass.
        score: 0-100: the components' scores weighted by criticality, capped by critical ones.
        level: what the score amounts to: ok, warning, critical, fatal; ok while a component has
            fewer than twenty results, unless the status is fail.
        trend: where the score goes; None below ten samples.
        at: when this was, wall-clock seconds since 1970-01-01 UTC.
        components: `{name: its health}`, in the order they were registered.
        circuits: how many circuits there are.
        refusing: how many of them refuse calls, or most of them.
    """

    status: Status
    score: float
    level: Level
    trend: Trend | None
    at: float
    components: Mapping[str, ComponentHealth]
    circuits: int
    refusing: int
