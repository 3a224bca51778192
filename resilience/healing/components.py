"""What the healer knows of one component: its incident, and when it may be recovered again.

Pure: told the time, and asked with the healer's lock held.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future
from math import inf
from typing import Any

from resilience.core.rescue import Condition
from resilience.healing.actions import Action
from resilience.healing.again import Again
from resilience.healing.failures import Failure, worse
from resilience.healing.intensity import Intensity
from resilience.healing.records import Recovery, Result

MOST = 1000


class Incident:
    """One time that a component is not well: from its first failure until it is well again.

    Args:
        failure: the first one.
        cause: a copy of what was raised, without frames; what strategies are tried with.
    """

    __slots__ = (
        "actions",
        "cause",
        "counted_at",
        "degraded",
        "failure",
        "failures",
        "last",
        "pending",
        "severity",
        "strategies",
        "told",
        "tried",
        "unrecovered",
    )

    def __init__(self, failure: Failure, cause: Exception) -> None:
        self.failure = failure
        self.cause = cause
        self.severity = failure.severity
        self.failures = 1
        self.last = failure.monotonic
        self.unrecovered = 0  # recoveries in a row that did not help
        self.counted_at = -inf  # monotonic seconds: when the last of them was counted
        self.pending: Recovery | None = None  # something was done, and the proof is to come
        self.tried: set[str] = set()  # what did not help, or nobody knows
        self.degraded = False
        self.told = False  # people were
        self.strategies: tuple[Any, ...] | None = None  # those its function asks for
        self.actions: tuple[Action, ...] = ()  # that apply to what was raised last


class Component:
    """One component.

    Args:
        name: what it is known by.
    """

    __slots__ = (
        "again",
        "checked",
        "condition",
        "incident",
        "intensity",
        "name",
        "pinned",
        "ready_at",
        "recovering_since",
        "recovery",
        "stopped_until",
        "turn",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.condition = Condition()
        self.incident: Incident | None = None
        self.again: Again | None = None  # how its calls are tried again; made on first use
        self.intensity = Intensity()
        self.recovery: Future[Result] | None = None  # the one that goes on
        self.recovering_since = -inf  # monotonic seconds
        self.checked: bool | None = None  # it has a health check, which is then the only judge
        self.pinned = False  # a function is decorated with it
        self.turn: Future[Result] | None = None  # what it waits for while others are recovered
        self.ready_at = -inf  # monotonic seconds
        self.stopped_until = -inf

    def failed(self, failure: Failure, cause: Exception) -> tuple[Incident, bool]:
        """Hear of a failure; return its incident, and whether that begins with it."""
        self.condition.ill = not self.checked
        incident = self.incident
        if incident is None:
            self.incident = incident = Incident(failure, cause)
            return incident, True
        incident.failures += 1
        incident.last = failure.monotonic
        incident.severity = worse(incident.severity, failure.severity)
        incident.cause = cause
        return incident, False

    def close(self) -> Incident | None:
        """End the incident: it is well again. Returns the incident, if there was one."""
        incident, self.incident = self.incident, None
        self.condition.ill = False
        if incident is not None:
            self.ready_at = -inf
        return incident

    def give_up_turn(self, result: Result) -> None:
        """Wait no longer, and tell those who wait with it."""
        turn, self.turn = self.turn, None
        if turn is not None:
            turn.set_result(result)

    def resume(self) -> None:
        """Let it be recovered again, whatever happened before."""
        self.ready_at = self.stopped_until = -inf
        self.intensity.reset()

    def is_due(self, now: float) -> bool:
        """Tell whether it may be recovered now."""
        return self.recovery is None and now >= max(self.ready_at, self.stopped_until)


class Components:
    """The components of one healer, by name; 1,000 of them besides those in use."""

    def __init__(self) -> None:
        self._by_name: OrderedDict[str, Component] = OrderedDict()

    def __iter__(self) -> Iterator[Component]:
        return iter(list(self._by_name.values()))

    def of(self, name: str) -> Component:
        """Return the component of that name, made on first use."""
        found = self._by_name.get(name)
        if found is None:
            self._forget_one()
            found = self._by_name[name] = Component(name)
        self._by_name.move_to_end(name)
        return found

    def open(self) -> tuple[Component, ...]:
        """Return those that are not well."""
        return tuple(each for each in self._by_name.values() if each.incident is not None)

    def _forget_one(self) -> None:
        """Forget the one that was used least lately, if there are too many; a well one first."""
        if len(self._by_name) < MOST:
            return
        free = [each for each in self._by_name.values() if not each.pinned and not each.recovery]
        idle = next((each for each in free if each.incident is None), None)
        gone = idle or (free[0] if len(free) >= MOST else None)
        if gone is not None:
            gone.give_up_turn(Result.DEFERRED)
            del self._by_name[gone.name]
