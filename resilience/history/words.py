"""What happened, in plain words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Record = dict[str, Any]


def said_of(event: Record) -> str:
    """Return a sentence about an event."""
    return _SENTENCES.get(event["type"], _otherwise)(event)


def duration(seconds: float | None) -> str:
    """Return seconds as people say them."""
    if seconds is None:
        return "still going on"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def moment(at: float) -> str:
    """Return wall-clock seconds as date and time in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def clock_time(at: float) -> str:
    """Return wall-clock seconds as the time of day in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


def _opened(event: Record) -> str:
    name, error = event["component"], event["error"]
    why = f" ({error})" if error else ""
    if event["reason"] == "restored":
        return f"A process that started found {name} stopped, and kept it so."
    if event["reason"] == "trial_failed":
        return f"{name} still failed when it was tried{why}: calls stay stopped."
    if event["reason"] == "slow_call_rate":
        return f"Calls to {name} were stopped: too many were too slow."
    failed = f"{event['failures']} of {event['calls']} calls had failed"
    return f"Calls to {name} were stopped: {failed}{why}."


def _forced(event: Record) -> str:
    state = str(event["state"]).replace("_", " ")
    return f"{_who(event)} set {event['component']} to {state}{_why(event)}."


def _failed(event: Record) -> str:
    return f"{event['component']} failed: {event['error'] or 'nothing more is known'}."


def _recovered(event: Record) -> str:
    by = f" by {event['strategy']}" if event["strategy"] else ""
    after = f" after {duration(event['seconds'])}" if event["seconds"] is not None else ""
    return f"{event['component']} was recovered{by}{after}."


def _not_recovered(event: Record) -> str:
    why = (event.get("data") or {}).get("reason")
    return f"{event['component']} could not be recovered{f': {why}' if why else ''}."


def _level(event: Record) -> str:
    level = event["level"]
    if level == "normal":
        return f"Service went back to normal{_why(event)}."
    who = f" by {event['actor']}" if event["actor"] else ""
    return f"Service went to the level {level}{who}{_why(event)}."


def _feature(event: Record) -> str:
    data, name = event.get("data") or {}, event["component"]
    if not data.get("enabled", True):
        return f"The feature {name} was switched off{_why(event)}."
    left = min(float(data.get("capability", 100)), float(data.get("rollout", 100)))
    if left < 100:
        return f"The feature {name} was limited to {left:.0f} %{_why(event)}."
    return f"The feature {name} was back in full{_why(event)}."


def _check_failed(event: Record) -> str:
    output = f": {event['output']}" if event["output"] else ""
    return f"The check {event['name']} of {event['component']} failed{output}."


def _otherwise(event: Record) -> str:
    return f"{event['component']}: {event['type'].replace('_', ' ')}{_why(event)}."


def _who(event: Record) -> str:
    return str(event.get("actor") or "Somebody")


def _why(event: Record) -> str:
    return f": {event['reason']}" if event.get("reason") else ""


_SENTENCES: dict[str, Callable[[Record], str]] = {
    "circuit_opened": _opened,
    "circuit_half_opened": lambda event: f"{event['component']} was tried again.",
    "circuit_closed": lambda event: f"Calls to {event['component']} went through again.",
    "circuit_forced": _forced,
    "failure_detected": _failed,
    "recovery_started": lambda event: f"The recovery of {event['component']} began.",
    "recovery_succeeded": _recovered,
    "recovery_failed": _not_recovered,
    "escalated": lambda event: f"People were told about {event['component']}.",
    "degradation_changed": _level,
    "feature_changed": _feature,
    "check_failed": _check_failed,
    "check_passed": lambda event: (
        f"The check {event['name']} of {event['component']} passed again."
    ),
}
