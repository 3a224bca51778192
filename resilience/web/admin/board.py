"""What the dashboard shows: one look at everything a system holds in memory."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from resilience.circuits.breaker import Circuit
from resilience.circuits.snapshot import CircuitSnapshot
from resilience.core.demand import is_made
from resilience.events import Event, Worker
from resilience.systems import System
from resilience.web import reports
from resilience.web.admin.experiments import experiments_of
from resilience.web.level import degradation
from resilience.web.times import timestamp

Payload = dict[str, Any]

MOST = 200
"""How many circuits, features and components are shown; the worst first."""

_WORST_FIRST = ("open", "half_open", "forced_open", "disabled", "forced_closed", "closed")


def board(system: System) -> Payload:
    """Return everything, from memory; the numbers are this worker's."""
    health = reports.health(system, detailed=True)
    level = degradation(system, detailed=True)
    circuits = list(system.circuits)
    return {
        "at": timestamp(system.runtime.clock.time()),
        "worker": Worker.name(),
        "since": timestamp(system.started_at),
        "health": {name: health[name] for name in ("status", "score", "level", "trend")},
        "level": {
            name: value for name, value in level.items() if name not in ("features", "rules")
        },
        "circuits": circuits_of(system, circuits),
        "circuits_total": len(circuits),
        "components": [
            {"name": name, **told} for name, told in islice(health["components"].items(), MOST)
        ],
        "features": level["features"][:MOST],
        "bulkheads": _bulkheads(system),
        "recoveries": _recoveries(system),
        "fleet": _fleet(system),
        "experiments": experiments_of(system),
        "events": [event_of(*each) for each in system.recent.since(0)][::-1],
        "last": system.recent.last,
    }


def circuits_of(system: System, circuits: Iterable[Circuit]) -> list[Payload]:
    """Return circuits, worst first: by state, then by the share of failures, then by name."""
    found = sorted((each.snapshot() for each in circuits), key=_badness)
    return [_circuit(each, system.recent.calls(each.name)) for each in found[:MOST]]


def event_of(number: int, event: Event) -> Payload:
    """Return an event as programs read it."""
    return {
        "id": number,
        "type": event.type,
        "component": event.component,
        "at": timestamp(event.at),
        "worker": event.worker,
        "data": {name: _plain(value) for name, value in event.data.items()},
    }


def _badness(circuit: CircuitSnapshot) -> tuple[int, float, str]:
    return _WORST_FIRST.index(str(circuit.state)), -(circuit.failure_rate or 0.0), circuit.name


def _circuit(circuit: CircuitSnapshot, calls: list[tuple[int, int, int]]) -> Payload:
    return {
        "name": circuit.name,
        "state": str(circuit.state),
        "shadow": circuit.shadow,
        "calls": circuit.calls,
        "failures": circuit.failures,
        "slow_calls": circuit.slow_calls,
        "failure_rate": circuit.failure_rate,
        "slow_call_rate": circuit.slow_call_rate,
        "rejected": circuit.rejected,
        "opened_at": None if circuit.opened_at is None else timestamp(circuit.opened_at),
        "retry_after": circuit.retry_after,
        "last_error": circuit.last_error,
        "forced": circuit.forced,
        "seconds": tuple(calls),
    }


def _bulkheads(system: System) -> list[Payload]:
    if not is_made(system, "bulkheads"):
        return []
    shown = sorted((each.snapshot() for each in system.bulkheads), key=lambda each: -each.in_use)
    names = ("name", "limit", "in_use", "waiting", "rejected")
    return [{name: getattr(each, name) for name in names} for each in shown[:MOST]]


def _fleet(system: System) -> Payload | None:
    """Return who is alive, as the store said last; None where there is no store."""
    snapshot = system.fleet.snapshot() if is_made(system, "fleet") else None
    if snapshot is None or snapshot.address is None:
        return None
    return {
        "address": snapshot.address,
        "online": snapshot.online,
        "error": snapshot.error,
        "live": snapshot.workers,
        "workers": [
            {
                "worker": each.worker,
                "silent": round(each.silent, 1),
                "confirmed": each.confirmed,
                **{name: _plain(value) for name, value in each.about.items()},
            }
            for each in system.fleet.peers()[:MOST]
        ],
    }


def _recoveries(system: System) -> list[Payload]:
    if not is_made(system, "healer"):
        return []
    return [
        {
            "component": each.failure.component,
            "at": timestamp(each.at),
            "result": str(each.result),
            "strategy": each.strategy,
            "elapsed": round(each.elapsed, 3),
            "failures": each.failures,
            "steps": list(each.steps),
        }
        for each in system.healer.history()[-20:][::-1]
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, str | int | float | bool | type(None)):
        return value
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value)[:200]
