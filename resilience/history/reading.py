"""Reading history from a journal."""

from __future__ import annotations

from collections.abc import Callable
from heapq import merge
from operator import itemgetter
from typing import Any

from resilience.history.incidents import QUIET, Incident, Record, incidents

Read = Callable[..., list[Record]]
"""`Journal.read`, or `Store.read`."""

EVENTS = ("circuit_breaker_state_history", "recovery_events", "degradation_state", "health_checks")
CALLS = "component_health_summary"
MOST = 50_000
"""Rows of one table that are read at most, the newest ones."""


def events_of(read: Read, since: float, until: float, component: str | None = None) -> list[Record]:
    """Return what happened, oldest first.

    Args:
        read: reads the journal.
        since: wall-clock seconds.
        until: the same; not included.
        component: only what happened to this one; None: to all.
    """
    equal = {} if component is None else {"component": component}
    tables = [read(table, since=since, until=until, equal=equal, newest=MOST) for table in EVENTS]
    return list(merge(*tables, key=itemgetter("at")))


def calls_of(read: Read, since: float, until: float, component: str | None = None) -> list[Record]:
    """Return the counts of calls, oldest first."""
    equal: dict[str, Any] = {"kind": "calls"}
    if component is not None:
        equal["component"] = component
    return read(CALLS, since=since, until=until, equal=equal, newest=MOST)


def incidents_of(
    read: Read, since: float, until: float, component: str | None = None
) -> list[Incident]:
    """Return the incidents of a stretch of time, oldest first, with what calls came to."""
    found = incidents(events_of(read, since, until, component))
    for incident in found:
        begin = incident.started_at - QUIET
        end = until if incident.ended_at is None else incident.ended_at + 60.0
        counts = []
        for name in incident.components:
            counts += calls_of(read, begin, end, name)
        counts.sort(key=itemgetter("at"))
        incident.count_calls(counts)
    return found
