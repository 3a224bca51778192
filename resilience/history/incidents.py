"""Incidents: what belongs together of what happened, from the first error to the last recovery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from resilience.history.words import said_of

QUIET = 120.0
"""Seconds without trouble after which the next one begins an incident of its own."""
STALE = 3600.0
"""Seconds after which what nobody ended is taken to be over: its process may be gone."""
TOGETHER = 5.0
"""Seconds within which the same, seen by several workers, is told once."""

Record = dict[str, Any]


@dataclass(slots=True)
class Moment:
    """One thing that happened in an incident.

    Args:
        at: wall-clock seconds since 1970-01-01 UTC.
        type: the event's type, or "first_error", "check_failed", "check_passed".
        component: what it happened to.
        said: the same in plain words.
        seen_by: the workers that saw it, where that is known.
    """

    at: float
    type: str
    component: str
    said: str
    seen_by: set[str] = field(default_factory=set)

    @property
    def workers(self) -> int:
        """How many processes saw it."""
        return max(1, len(self.seen_by))

    def repeats(self, before: Moment) -> bool:
        """Tell whether it says nothing new: the same, or what another worker has said."""
        is_alike = (self.type, self.component) == (before.type, before.component)
        return is_alike and (self.said == before.said or not self.seen_by & before.seen_by)


@dataclass(slots=True)
class Incident:
    """Trouble that belongs together.

    Args:
        started_at: when its first trouble was seen.
        ended_at: when all was well again; None: it is not, as far as is known.
        moments: what happened, oldest first.
        components: what it concerned, in the order it began.
        level: the deepest level of service that it led to.
        calls, failures, rejected: calls made in it, those that failed, and those refused.
    """

    started_at: float
    ended_at: float | None = None
    moments: list[Moment] = field(default_factory=list)
    components: list[str] = field(default_factory=list)
    level: str = "normal"
    calls: int = 0
    failures: int = 0
    rejected: int = 0

    @property
    def id(self) -> str:
        """What it is found by again: the second it started in."""
        return str(int(self.started_at))

    @property
    def seconds(self) -> float | None:
        """How long it lasted; None: it goes on."""
        return None if self.ended_at is None else self.ended_at - self.started_at

    def first(self, kind: str) -> float | None:
        """Return when something of that type happened first; None: never."""
        return next((each.at for each in self.moments if each.type == kind), None)

    def count(self, kind: str) -> int:
        """Return how often something of that type happened."""
        return sum(each.type == kind for each in self.moments)

    def add(self, moment: Moment) -> None:
        """Add what happened next; what several workers see at once counts once."""
        for before in reversed(self.moments):
            if moment.at - before.at > TOGETHER:
                break
            if moment.repeats(before):
                before.seen_by |= moment.seen_by
                return
        self.moments.append(moment)
        if moment.component not in self.components and moment.component != "app":
            self.components.append(moment.component)

    def count_calls(self, calls: Iterable[Record]) -> None:
        """Add what calls came to, and find the first one that failed.

        Args:
            calls: counts of the calls of its components, oldest first.
        """
        counts = list(calls)
        first = _first_error(self, counts)
        if first is not None:
            self.moments.insert(0, first)
            self.started_at = min(self.started_at, first.at)
        for each in counts:
            if each["at"] >= self.started_at:
                self.calls += each["calls"]
                self.failures += each["failures"]
                self.rejected += each["rejected"]


LEVELS = ("normal", "reduced", "minimal", "emergency")

_BEGINS = frozenset(
    {"circuit_opened", "failure_detected", "recovery_failed", "escalated", "check_failed"}
)
_ENDS = {
    "circuit_closed": "circuit",
    "recovery_succeeded": "recovery",
    "check_passed": "check",
}
_HOLDS = {
    "circuit_opened": "circuit",
    "circuit_half_opened": "circuit",
    "failure_detected": "recovery",
    "check_failed": "check",
}


def incidents(events: Iterable[Record]) -> list[Incident]:
    """Return the incidents in a stretch of history, oldest first.

    Args:
        events: rows of history and of health checks, oldest first.
    """
    return list(_grouped(events))


def _grouped(events: Iterable[Record]) -> Iterator[Incident]:
    present: Incident | None = None
    pending: set[tuple[str, str, str]] = set()
    last = 0.0
    for event in _changes(events):
        at, kind = event["at"], event["type"]
        begins = kind in _BEGINS or _steps_down(event)
        if present is not None and at - last > (STALE if pending else QUIET):
            _close(present, None if pending else last)
            yield present
            present, pending = None, set()
        if present is None:
            if not begins:
                continue
            present = Incident(at)
        present.add(Moment(at, kind, event["component"], said_of(event), {event["worker"]}))
        if kind == "degradation_changed":
            present.level = max(present.level, event["level"] or "normal", key=LEVELS.index)
        _settle(pending, event)
        last = at
    if present is not None:
        _close(present, None if pending else last)
        yield present


def _close(incident: Incident, at: float | None) -> None:
    incident.ended_at = at


def _steps_down(event: Record) -> bool:
    return event["type"] == "degradation_changed" and event["level"] not in (None, "normal")


def _settle(pending: set[tuple[str, str, str]], event: Record) -> None:
    """Note what goes on from an event, or is over with it."""
    kind, component, worker = event["type"], event["component"], event["worker"]
    if kind == "degradation_changed":
        key = ("level", component, worker)
        (pending.add if _steps_down(event) else pending.discard)(key)
    elif kind in _HOLDS:
        pending.add((_HOLDS[kind], component, worker))
    elif kind in _ENDS:
        pending.discard((_ENDS[kind], component, worker))


def _changes(events: Iterable[Record]) -> Iterator[Record]:
    """Yield events; of health checks only those that differ from the one before."""
    status: dict[tuple[str, str], str] = {}
    for event in events:
        if event.get("type") == "level_ordered":
            continue  # the change that follows from it is told by itself
        if "status" not in event or "type" in event:
            yield event
            continue
        key = (event["worker"], event["name"])
        before, status[key] = status.get(key), event["status"]
        if event["status"] == "fail" and before != "fail":
            yield {**event, "type": "check_failed"}
        elif event["status"] == "pass" and before == "fail":
            yield {**event, "type": "check_passed"}


def _first_error(incident: Incident, calls: list[Record]) -> Moment | None:
    """Return the first failed call of the run of failures that the incident began with."""
    found: Record | None = None
    for each in reversed([each for each in calls if each["at"] <= incident.started_at + 1.0]):
        if not each["failures"]:
            continue
        if found is not None and found["at"] - each["at"] > QUIET / 2:
            break
        found = each
    if found is None:
        return None
    name = found["component"]
    at = min(found["at"], incident.started_at)
    return Moment(at, "first_error", name, f"The first calls to {name} failed.")
