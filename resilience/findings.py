"""What health checks found, as rows of the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from resilience.core.runtime import Runtime
from resilience.events import Worker
from resilience.health.monitor import Health
from resilience.health.report import HealthReport
from resilience.health.results import CheckRecord, Status
from resilience.storage.tables import Row

SPAN = 60.0  # seconds from one row to the next of what does not change
HEALTH = "health"
"""The `kind` of these rows in `component_health_summary`."""


class Findings:
    """Tells what is new about a system's health since it was asked last.

    Every result that differs from the one before is kept, and once a minute those that do not,
    what each component scored, and how the whole is: thirty days of a check each second are to
    fit into a file.

    Args:
        health: gives the health, or None while nobody has asked for it.
        level: gives the level of service.
        runtime: the system's clock.
    """

    def __init__(
        self,
        health: Callable[[], Health | None],
        level: Callable[[], str],
        runtime: Runtime,
    ) -> None:
        self._health = health
        self._level = level
        self._clock = runtime.clock
        self._asked_at = runtime.clock.monotonic()
        self._told: dict[str, CheckRecord] = {}
        self._counted: dict[str, tuple[int, int]] = {}  # component: results, failures
        self._summed_at = self._asked_at
        self._last: tuple[Status, str] | None = None

    def rows(self) -> Iterator[Row]:
        """Yield what there is to keep."""
        health = self._health()
        if health is None:
            return
        since, self._asked_at = self._asked_at, self._clock.monotonic()
        for record in health.results_since(since):
            self._count(record)
            if self._is_news(record):
                self._told[record.check] = record
                yield _check_row(record)
        yield from self._summaries(health.report())

    def _is_news(self, record: CheckRecord) -> bool:
        before = self._told.get(record.check)
        return (
            before is None
            or before.status != record.status
            or record.monotonic - before.monotonic >= SPAN
        )

    def _count(self, record: CheckRecord) -> None:
        results, failures = self._counted.get(record.component, (0, 0))
        failed = record.status is Status.FAIL
        self._counted[record.component] = (results + 1, failures + failed)

    def _summaries(self, report: HealthReport) -> Iterator[Row]:
        state = (report.status, self._level())
        span = self._asked_at - self._summed_at
        if state != self._last or span >= SPAN:
            self._last = state
            yield self._snapshot(report, state[1])
        if span >= SPAN:
            self._summed_at = self._asked_at
            counted, self._counted = self._counted, {}
            for name, (results, failures) in counted.items():
                if name in report.components:
                    yield self._component(report, name, span, results, failures)

    def _component(
        self, report: HealthReport, name: str, span: float, results: int, failures: int
    ) -> Row:
        health = report.components[name]
        values = {
            "at": report.at,
            "span": span,
            "worker": Worker.name(),
            "component": name,
            "kind": HEALTH,
            "calls": results,
            "failures": failures,
            "slow_calls": 0,
            "rejected": 0,
            "score": health.score,
            "latency": health.latency,
        }
        return Row("component_health_summary", values)

    def _snapshot(self, report: HealthReport, level: str) -> Row:
        values = {
            "at": report.at,
            "worker": Worker.name(),
            "score": report.score,
            "level": level,
            "open_circuits": report.refusing,
            "data": {"status": str(report.status), "trend": report.trend},
        }
        return Row("system_health_snapshots", values)


def _check_row(record: CheckRecord) -> Row:
    values = {
        "at": record.at,
        "worker": Worker.name(),
        "component": record.component,
        "name": record.check,
        "status": str(record.status),
        "seconds": record.latency,
        "output": record.output,
    }
    return Row("health_checks", values)
