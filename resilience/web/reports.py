"""What `/health` and `/health/ready` tell, made from what the system holds in memory.

The shape is that of draft-inadarei-api-health-check-06, with scores and circuits' numbers added.
"""

from __future__ import annotations

from typing import Any

from resilience.circuits.breaker import Circuit
from resilience.circuits.snapshot import CircuitSnapshot
from resilience.events import Worker
from resilience.health.overview import REFUSING
from resilience.health.report import CheckHealth, ComponentHealth, HealthReport
from resilience.systems import System
from resilience.web.level import inactive_rules
from resilience.web.times import timestamp

Payload = dict[str, Any]

MOST_CIRCUITS = 100
"""How many circuits the details of `/health` tell of."""


def health(system: System, *, detailed: bool) -> Payload:
    """Return the health of this worker; with details how each component is, and why."""
    report, inactive = system.health.report(), inactive_rules(system)
    status = "warn" if inactive and report.status == "pass" else str(report.status)
    if not detailed:
        return {"status": status}
    return {
        "status": status,
        "score": round(report.score, 1),
        "level": str(report.level),
        "trend": report.trend,
        "worker": Worker.name(),
        "since": timestamp(system.started_at),
        "circuits": {"count": report.circuits, "refusing": report.refusing},
        "components": {name: _component(each) for name, each in report.components.items()},
        "checks": {**_checks(report), **_circuits(system), **_rules(inactive, report.at)},
    }


def readiness(system: System) -> Payload:
    """Return whether this worker is to get requests.

    Not any more once it is stopping, nor while a critical component is down: nothing that it
    answered would be worth having. An open circuit never keeps it from them.
    """
    leaving = system.stopping or system.leaving or system.rotation.is_out
    down = leaving or system.health.critical_down()
    return {"status": "fail" if down else "pass"}


def _component(health: ComponentHealth) -> Payload:
    return {
        "status": str(health.status),
        "level": str(health.level),
        "score": None if health.score is None else round(health.score, 1),
        "criticality": health.criticality,
        "latency": health.latency and round(health.latency, 6),
        "trend": health.trend,
        "latency_trend": health.latency_trend,
        "flapping": health.flapping,
        "since": timestamp(health.since),
    }


def _checks(report: HealthReport) -> dict[str, list[Payload]]:
    found: dict[str, list[Payload]] = {}
    for component in report.components.values():
        for check in component.checks:
            name = check.component
            name = name if name == check.name else f"{name}:{check.name}"
            found.setdefault(name, []).append(_check(check))
    return found


def _check(check: CheckHealth) -> Payload:
    value, unit = check.observed_value, check.observed_unit
    if value is None and check.latency is not None:
        value, unit = round(check.latency, 6), "s"
    payload = {
        "componentType": "component",
        "status": str(check.status),
        "observedValue": value,
        "observedUnit": unit,
        "time": None if check.checked_at is None else timestamp(check.checked_at),
        "output": check.output,
        "criticality": check.criticality,
        "availability": check.availability and round(check.availability, 1),
        "latency_p95": check.latency_p95 and round(check.latency_p95, 6),
        "flapping": check.flapping or None,
        "overdue": check.overdue or None,
    }
    return {name: value for name, value in payload.items() if value is not None}


def _circuits(system: System) -> dict[str, list[Payload]]:
    found: dict[str, list[Payload]] = {}
    now = timestamp(system.runtime.clock.time())
    for circuit in _shown(list(system.circuits)):
        snapshot = circuit.snapshot()
        check = {**_circuit(snapshot), "time": now}
        found.setdefault(f"circuit:{snapshot.name}", []).append(check)
    return found


def _rules(inactive: dict[str, Payload], at: float) -> dict[str, list[Payload]]:
    return {name: [{**check, "time": timestamp(at)}] for name, check in inactive.items()}


def _shown(circuits: list[Circuit]) -> list[Circuit]:
    """Return the circuits that details tell of: all, or of very many the ones to worry about.

    A body with thousands of circuits made by key would serve nobody, and take milliseconds.
    """
    if len(circuits) > MOST_CIRCUITS:
        circuits.sort(key=lambda circuit: circuit.state not in REFUSING)  # keeps their order
    return circuits[:MOST_CIRCUITS]


def _circuit(circuit: CircuitSnapshot) -> Payload:
    check = {
        "componentType": "component",
        "status": "warn" if circuit.state in REFUSING else "pass",
        "observedValue": str(circuit.state),
        "shadow": circuit.shadow or None,
        "output": circuit.last_error,
        "opened_at": None if circuit.opened_at is None else timestamp(circuit.opened_at),
        "retry_after": circuit.retry_after or None,
        "calls": circuit.calls,
        "failures": circuit.failures,
        "slow_calls": circuit.slow_calls,
        "failure_rate": circuit.failure_rate,
        "rejected": circuit.rejected,
        "forced": circuit.forced,
    }
    return {name: value for name, value in check.items() if value is not None}
