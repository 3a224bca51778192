"""What the endpoints and headers tell, made from what the system holds in memory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from resilience.circuits.snapshot import CircuitSnapshot
from resilience.circuits.states import CircuitState
from resilience.events import Worker
from resilience.systems import System
from resilience.web.level import inactive_rules
from resilience.web.times import timestamp

Payload = dict[str, Any]

STATUSES = {"pass": 200, "warn": 200, "fail": 503}
"""The HTTP status of each health status (draft-inadarei-api-health-check-06, section 3.1)."""

_WORRYING = frozenset({CircuitState.OPEN, CircuitState.HALF_OPEN, CircuitState.FORCED_OPEN})
_NOT_IN_HEADERS = re.compile(r"[^A-Za-z0-9._:\[\]*-]")
_MOST_NAMES = 10
_MOST_CHARACTERS = 1000


def health(system: System, *, detailed: bool) -> Payload:
    """Return the health of this worker; with details what each circuit does, and why.

    The shape is that of draft-inadarei-api-health-check-06, with a circuit's numbers added.
    """
    inactive = inactive_rules(system)
    if not detailed:
        worries = any(each.state in _WORRYING for each in system.circuits)
        return {"status": _status([worries, bool(inactive)])}
    snapshots = [circuit.snapshot() for circuit in system.circuits]
    checks: dict[str, list[Payload]] = {}
    now = timestamp(system.runtime.clock.time())
    for each in snapshots:
        checks.setdefault(f"circuit:{each.name}", []).append({**_check(each), "time": now})
    checks.update({name: [{**check, "time": now}] for name, check in inactive.items()})
    return {
        "status": _status([any(each.state in _WORRYING for each in snapshots), bool(inactive)]),
        "worker": Worker.name(),
        "since": timestamp(system.started_at),
        "checks": checks,
    }


def readiness(system: System) -> Payload:
    """Return whether this worker is to get requests: not any more once it is stopping."""
    return {"status": "fail" if system.stopping else "pass"}


def liveness() -> Payload:
    """Return that the process runs; looks at nothing."""
    return {"status": "pass"}


def degraded_header(marks: Mapping[str, str]) -> str:
    """Return the value of `X-Degraded`: `name=how, …`, at most 10 names and 1000 characters.

    Args:
        marks: `dict[component, how]`, as `degraded.Marks` says it.
    """
    value = ""
    for component, how in list(marks.items())[:_MOST_NAMES]:
        entry = f"{_NOT_IN_HEADERS.sub('_', component)}={how}"
        if len(value) + len(entry) + 2 > _MOST_CHARACTERS:
            break
        value = f"{value}, {entry}" if value else entry
    return value


def _status(worries: Any) -> str:
    return "warn" if any(worries) else "pass"


def _check(circuit: CircuitSnapshot) -> Payload:
    check = {
        "componentType": "component",
        "status": _status([circuit.state in _WORRYING]),
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
