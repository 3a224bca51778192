"""What happened of late, kept in memory: events, and each circuit's calls of the last minute."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import count, islice

from resilience import signals
from resilience.circuits.breaker import Circuit
from resilience.circuits.snapshot import Totals
from resilience.core.copies import copied
from resilience.core.runtime import Runtime
from resilience.events import Event

EVENTS = 200
SECONDS = 60
MOST_CIRCUITS = 1000

NOISY = frozenset({"call_rejected", "retry_scheduled", "fallback_used"})
"""Events of single calls: there may be thousands a second, so they are counted, not listed."""

LISTED = signals.NAMES - NOISY

Second = tuple[int, int, int]
"""Calls, failures and rejected calls of one second."""


class Recent:
    """The last 200 events, and the last 60 seconds of up to 1,000 circuits.

    Guarded calls pay nothing for it: circuits count anyway, and are asked once a second.

    Args:
        runtime: the system's events and engine.
        circuits: gives those there are.
    """

    def __init__(self, runtime: Runtime, circuits: Callable[[], Iterable[Circuit]]) -> None:
        self._circuits = circuits
        self._numbers = count(1)
        self._events: deque[tuple[Event, int]] = deque(maxlen=EVENTS)
        self._totals: dict[str, Totals] = {}
        self._seconds: dict[str, deque[Second]] = {}
        runtime.bus.subscribe(self._hear, LISTED)
        runtime.engine.every(1.0, self.look, name="recent calls", jitter=0.0)

    def _hear(self, event: Event) -> None:
        # In one step, so that they stand in the order of their numbers: whoever has read up to one
        # asks only for what stands behind it.
        self._events.extend(zip((event,), self._numbers, strict=False))

    @property
    def last(self) -> int:
        """The number of the last event; 0: there was none."""
        return self._events[-1][1] if self._events else 0

    def since(self, number: int) -> list[tuple[int, Event]]:
        """Return the events after that of `number`, as far as they are kept, oldest first."""
        return [(found, event) for event, found in copied(self._events) if found > number]

    def calls(self, name: str) -> list[Second]:
        """Return what a circuit's calls came to in each of the last seconds, oldest first."""
        seconds = self._seconds.get(name)
        return [] if seconds is None else copied(seconds)

    def look(self) -> None:
        """Ask the circuits for their counts; done once a second."""
        told, self._totals = self._totals, {}
        kept, self._seconds = self._seconds, {}
        for circuit in islice(self._circuits(), MOST_CIRCUITS):
            name, totals = circuit.name, circuit.totals()
            before = told.get(name, totals)
            calls, failures, _, rejected = (
                max(0, now - then) for now, then in zip(totals, before, strict=True)
            )
            seconds = kept.get(name) or deque(maxlen=SECONDS)
            seconds.append((calls, failures, rejected))
            self._totals[name], self._seconds[name] = totals, seconds
