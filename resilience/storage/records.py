"""Events as rows: what of them is kept, and in which table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from resilience.events import Event
from resilience.storage.tables import STATE, TABLES, Row

Values = dict[str, Any]

_STATES = {
    "circuit_opened": "open",
    "circuit_half_opened": "half_open",
    "circuit_closed": "closed",
}
_HISTORY = "circuit_breaker_state_history"
_RECOVERY = "recovery_events"
_DEGRADATION = "degradation_state"
_CHAOS = "chaos_experiments"


def rows_of(event: Event) -> Iterator[Row]:
    """Yield the rows that an event becomes; none if it is not kept.

    Rejected calls, retries and fallbacks are not: there may be thousands a second. They are kept
    as counts.
    """
    make = _MAKERS.get(event.type)
    if make is not None:
        yield from make(event)


def _circuit(event: Event) -> Iterator[Row]:
    data = event.data
    state = _STATES.get(event.type) or str(data.get("state", ""))
    order = {"reason": data.get("reason"), "actor": data.get("actor"), "until": _end(event)}
    error = data.get("error")
    yield _happened(_HISTORY, event, {**order, "state": state, "error": error})
    opened_at = data.get("opened_at", event.at) if event.type == "circuit_opened" else None
    row = {
        "name": event.component,
        "kind": STATE,
        "at": event.at,
        "worker": event.worker,
        "state": state,
        "generation": data.get("generation", 0),
        "opened_at": opened_at,
        "error": error,
        **order,
    }
    yield Row("circuit_breakers", row)


def _recovery(event: Event) -> Iterator[Row]:
    yield _happened(_RECOVERY, event)


def _level(event: Event) -> Iterator[Row]:
    over = {"until": _end(event), "previous": event.data.get("before")}
    yield _happened(_DEGRADATION, event, over)


def _feature(event: Event) -> Iterator[Row]:
    data = event.data
    yield _happened(_DEGRADATION, event, {"until": _end(event)})
    row = {
        "name": event.component,
        "kind": STATE,
        "at": event.at,
        "worker": event.worker,
        "enabled": bool(data.get("enabled", True)),
        "killed": data.get("cause") == "killed",
        "capability": data.get("capability"),
        "rollout": data.get("rollout"),
        "reason": data.get("reason"),
        "actor": data.get("actor"),
        "until": _end(event),
    }
    yield Row("feature_flags", row)


def _operator(event: Event) -> Iterator[Row]:
    yield _happened(_HISTORY, event, {"until": _end(event)})


def _chaos(event: Event) -> Iterator[Row]:
    yield _happened(_CHAOS, event)


def _health(event: Event) -> Iterator[Row]:
    data = event.data
    row = {
        "at": event.at,
        "worker": event.worker,
        "component": event.component,
        "name": str(data.get("check") or ""),
        "status": str(data.get("status", "")),
        "seconds": data.get("seconds"),
        "output": data.get("output"),
    }
    yield Row("health_checks", row)


def _end(event: Event) -> float | None:
    """Return the wall-clock second at which what was ordered ends; None: it does not, by itself."""
    if event.data.get("ends") is not None:
        return float(event.data["ends"])
    lasts = event.data.get("for_")
    lasts = event.data.get("retry_after") if lasts is None else lasts
    return None if lasts is None else event.at + float(lasts)


def _happened(table: str, event: Event, over: Mapping[str, Any] | None = None) -> Row:
    """Return the row of an event: what has a column goes there, the rest into `data`."""
    values: Values = {
        "at": event.at,
        "worker": event.worker,
        "component": event.component,
        "type": event.type,
    }
    columns = {column.name for column in TABLES[table].columns}
    rest = {}
    for name, value in {**event.data, **(over or {})}.items():
        if name in columns:
            values[name] = value
        elif value is not None:
            rest[name] = value
    return Row(table, {**values, "data": rest})


_MAKERS: dict[str, Callable[[Event], Iterator[Row]]] = {
    "circuit_opened": _circuit,
    "circuit_half_opened": _circuit,
    "circuit_closed": _circuit,
    "circuit_forced": _circuit,
    "failure_detected": _recovery,
    "recovery_started": _recovery,
    "recovery_succeeded": _recovery,
    "recovery_failed": _recovery,
    "escalated": _recovery,
    "health_changed": _health,
    "degradation_changed": _level,
    "feature_changed": _feature,
    "operator_acted": _operator,
    "chaos_started": _chaos,
    "chaos_finished": _chaos,
}

KEPT = frozenset(_MAKERS)
"""The types of events that become rows."""
