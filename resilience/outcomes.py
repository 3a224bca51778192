"""What became of the calls of circuits, second by second, as rows of the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from resilience.circuits.breaker import Circuit
from resilience.circuits.snapshot import NO_CALLS, Totals
from resilience.core.runtime import Runtime
from resilience.events import Worker
from resilience.storage.tables import Row

CALLS = "calls"
"""The `kind` of these rows in `component_health_summary`."""


class Outcomes:
    """Tells how many calls each circuit counted since it was asked last.

    Calls cost nothing for it: the circuits count them anyway.

    Args:
        circuits: gives those there are.
        runtime: the system's clock.
    """

    def __init__(self, circuits: Callable[[], Iterable[Circuit]], runtime: Runtime) -> None:
        self._circuits = circuits
        self._clock = runtime.clock
        self._told: dict[str, Totals] = {}
        self._asked_at = runtime.clock.monotonic()

    def rows(self) -> Iterator[Row]:
        """Yield a row for each circuit that had calls since the last time."""
        now = self._clock.monotonic()
        span, self._asked_at = now - self._asked_at, now
        told, self._told = self._told, {}
        for circuit in self._circuits():
            before = told.get(circuit.name, NO_CALLS)
            totals = self._told[circuit.name] = circuit.totals()
            if totals != before:
                yield self._row(circuit.name, span, before, totals)

    def _row(self, name: str, span: float, before: Totals, totals: Totals) -> Row:
        fresh = (after - earlier for after, earlier in zip(totals, before, strict=True))
        calls, failures, slow, rejected = (max(0, each) for each in fresh)
        values = {
            "at": self._clock.time(),
            "span": span,
            "worker": Worker.name(),
            "component": name,
            "kind": CALLS,
            "calls": calls,
            "failures": failures,
            "slow_calls": slow,
            "rejected": rejected,
        }
        return Row("component_health_summary", values)
