"""What a system can tell in numbers, for whoever collects them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakSet

from resilience import signals
from resilience.circuits.snapshot import NO_CALLS, Totals
from resilience.core.demand import is_made
from resilience.telemetry.metric import Kind, Metric, Sample, Together

if TYPE_CHECKING:
    from resilience.circuits.states import CircuitState
    from resilience.events import Event
    from resilience.parts import Parts
    from resilience.telemetry.traffic import Traffic

COUNTED = signals.NAMES - {"call_rejected"}
"""Events that are counted; who rejects a call counts that itself, at less than an event costs."""

MOST = 1000
"""Components whose events of a type are told apart; those of further ones are `OTHERS`."""

OTHERS = "(others)"


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"resilience_{name}", Kind.COUNTER, text, labels)


def _gauge(name: str, text: str, *labels: str, together: Together = Together.SUM) -> Metric:
    return Metric(f"resilience_{name}", Kind.GAUGE, text, labels, together)


LEAST, GREATEST = Together.LEAST, Together.MOST

CALLS = _counter("circuit_calls", "Calls that a circuit let through.", "circuit", "outcome")
SLOW_CALLS = _counter(
    "circuit_slow_calls", "Calls that took longer than the circuit's slow_call_duration.", "circuit"
)
REJECTED = _counter(
    "circuit_rejected_calls", "Calls that a circuit did not let through.", "circuit"
)
STATE = _gauge("circuit_state", "Circuits of this name that are in this state.", "circuit", "state")
PLACES = _gauge("bulkhead_places", "Calls that a bulkhead lets run at once.", "bulkhead")
TAKEN = _gauge("bulkhead_places_taken", "Calls that run within a bulkhead.", "bulkhead")
WAITING = _gauge("bulkhead_waiting_calls", "Calls that wait for a bulkhead's place.", "bulkhead")
TURNED_AWAY = _counter("bulkhead_rejected_calls", "Calls that a bulkhead turned away.", "bulkhead")
DURATION = Metric(
    "resilience_request_duration_seconds",
    Kind.HISTOGRAM,
    "From a request's coming to the end of its answer.",
    ("route",),
)
FAILURES = _counter("request_failures", "Requests that ended in a server error.", "route")
SHED = _counter("shed_requests", "Requests turned away, as not all could be served.")
UNDER_WAY = _gauge("requests_under_way", "Requests that are being served.")
HEALTH = _gauge("health_score", "How well everything is, 0 to 100.", together=LEAST)
COMPONENT = _gauge(
    "component_score",
    "How well a component is, percent of availability.",
    "component",
    together=LEAST,
)
STATUS = _gauge(
    "component_status",
    "1 for the status that a component has, else 0.",
    "component",
    "status",
    together=GREATEST,
)
LEVEL = _gauge(
    "degradation_level", "0 normal, 1 reduced, 2 minimal, 3 emergency.", together=GREATEST
)
CAPABILITY = _gauge(
    "feature_capability_ratio",
    "How much of a feature is left, 0 to 1.",
    "feature",
    together=LEAST,
)
EXPERIMENTS = _gauge("chaos_experiments", "Experiments that run now.")
QUEUED = _gauge("journal_queued_rows", "Rows that wait to be written.")
WRITTEN = _counter("journal_written_rows", "Rows that were written.")
DROPPED = _counter("journal_dropped_rows", "Rows dropped, as too many waited.")
WORKERS = _gauge("fleet_workers", "Live workers of the fleet, as last known.", together=GREATEST)
ONLINE = _gauge("fleet_online", "1 while the fleet's store answers, else 0.", together=LEAST)
EVENTS = _counter("events", "Events by their type, such as circuit_opened.", "type", "component")

ALL = tuple(each for each in vars().values() if isinstance(each, Metric))
"""Every metric there is."""

_RANKS = {metric: rank for rank, metric in enumerate(ALL)}


class Metrics:
    """The numbers of a system; who asks reads memory, and nothing waits.

    Counters only grow while the process lives, whatever is reset or forgotten. Circuits made by key
    are told together under their one name: keys are tenants or hosts, and there is no end of them.

    Args:
        parts: the system's parts.
        traffic: gives the app's requests; None: there are none yet.
    """

    known = ALL

    def __init__(self, parts: Parts, traffic: Callable[[], Traffic | None]) -> None:
        self._parts = parts
        self._traffic = traffic
        self._calls = _Calls()
        self._events: Counter[tuple[str, str]] = Counter()
        self._by_type: Counter[str] = Counter()
        self._lock = Lock()
        parts.runtime.bus.subscribe(self._hear, COUNTED)
        _all.add(self)

    def after_fork(self) -> None:
        """Replace the locks in a forked child; one held at the fork stays locked for ever."""
        self._lock, self._calls.lock = Lock(), Lock()

    def collect(self) -> list[Sample]:
        """Return every number now, those of one metric together."""
        parts, samples = self._parts, list[Sample]()
        for name, of in (
            ("circuits", self._circuits), ("bulkheads", self._bulkheads), ("health", self._health),
            ("degradation", self._degradation), ("chaos", self._chaos),
            ("journal", self._journal), ("fleet", self._fleet),
        ):  # fmt: skip
            if is_made(parts, name):
                samples += of()
        samples += self._requests()
        samples += self._counted()
        samples.sort(key=lambda each: _RANKS[each.metric])
        return samples

    def _hear(self, event: Event) -> None:
        component = event.component
        if is_made(self._parts, "circuits"):
            component = self._parts.circuits.name_of(component)
        with self._lock:
            if (event.type, component) not in self._events:
                self._by_type[event.type] += 1
                if self._by_type[event.type] > MOST:
                    component = OTHERS
            self._events[event.type, component] += 1

    def _counted(self) -> Iterator[Sample]:
        with self._lock:
            events = self._events.copy()
        for labels, count in events.items():
            yield Sample(EVENTS, labels, count)

    def _circuits(self) -> Iterator[Sample]:
        from resilience.circuits.states import CircuitState

        entries = [*self._parts.circuits.by_name()]
        calls = self._calls.of((name, totals) for name, _, totals in entries)
        for name, totals in calls.items():
            yield Sample(CALLS, (name, "success"), totals.calls - totals.failures)
            yield Sample(CALLS, (name, "failure"), totals.failures)
            yield Sample(SLOW_CALLS, (name,), totals.slow_calls)
            yield Sample(REJECTED, (name,), totals.rejected)
        for name, circuits, _ in entries:
            states: Counter[CircuitState] = Counter(each.state for each in circuits)
            for state in CircuitState:
                yield Sample(STATE, (name, state.value), states[state])

    def _bulkheads(self) -> Iterator[Sample]:
        for bulkhead in self._parts.bulkheads:
            now = bulkhead.snapshot()
            yield Sample(PLACES, (now.name,), now.limit)
            yield Sample(TAKEN, (now.name,), now.in_use)
            yield Sample(WAITING, (now.name,), now.waiting)
            yield Sample(TURNED_AWAY, (now.name,), now.rejected)

    def _requests(self) -> Iterator[Sample]:
        traffic = self._traffic()
        if traffic is None:
            return
        yield Sample(UNDER_WAY, (), traffic.concurrency())
        yield Sample(SHED, (), traffic.totals().shed)
        for route in traffic.ever():
            yield Sample(DURATION, (route.route,), route.durations)
            yield Sample(FAILURES, (route.route,), route.failures)

    def _health(self) -> Iterator[Sample]:
        from resilience.health.results import Status

        report = self._parts.health.report()
        yield Sample(HEALTH, (), report.score)
        for name, component in report.components.items():
            if component.score is not None:
                yield Sample(COMPONENT, (name,), component.score)
            for status in Status:
                yield Sample(STATUS, (name, status.value), float(component.status is status))

    def _degradation(self) -> Iterator[Sample]:
        state = self._parts.degradation.state()
        yield Sample(LEVEL, (), state.level.depth)
        for feature in state.features:
            yield Sample(CAPABILITY, (feature.name,), feature.capability / 100.0)

    def _chaos(self) -> Iterator[Sample]:
        chaos = self._parts.chaos
        yield Sample(EXPERIMENTS, (), len(chaos.running()) + len(chaos.following()))

    def _journal(self) -> Iterator[Sample]:
        status = self._parts.journal.status()
        if status.enabled:
            yield Sample(QUEUED, (), status.queued)
            yield Sample(WRITTEN, (), status.written)
            yield Sample(DROPPED, (), status.dropped)

    def _fleet(self) -> Iterator[Sample]:
        fleet = self._parts.fleet.snapshot()
        if fleet.address is not None:
            yield Sample(WORKERS, (), fleet.workers)
            yield Sample(ONLINE, (), float(fleet.online))


class _Calls:
    """The calls of each name, also of what bore it before: a function may be decorated anew."""

    def __init__(self) -> None:
        self._seen: dict[str, Totals] = {}
        self._earlier: dict[str, Totals] = {}  # of what bore the name before
        self.lock = Lock()

    def of(self, entries: Iterable[tuple[str, Totals]]) -> dict[str, Totals]:
        """Return `{name: all that was ever counted}`, given what each name counts now."""
        with self.lock:
            for name, now in entries:
                before = self._seen.get(name, NO_CALLS)
                if any(new < old for new, old in zip(now, before, strict=True)):
                    self._earlier[name] = self._earlier.get(name, NO_CALLS).plus(before)
                self._seen[name] = now
            return {
                name: self._earlier.get(name, NO_CALLS).plus(seen)
                for name, seen in self._seen.items()
            }


def _after_fork() -> None:
    for metrics in list(_all):
        metrics.after_fork()


_all: WeakSet[Metrics] = WeakSet()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
