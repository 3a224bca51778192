"""What a circuit looks like at one moment, for people and programs to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from resilience.circuits.states import CircuitState


class Totals(NamedTuple):
    """Calls of a circuit since it was made, and how many failed, were slow, or were refused."""

    calls: int
    failures: int
    slow_calls: int
    rejected: int

    def plus(self, other: Totals) -> Totals:
        """Return both together."""
        return Totals(*(one + more for one, more in zip(self, other, strict=True)))


NO_CALLS = Totals(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class CircuitSnapshot:
    """A circuit at one moment.

    Args:
        name: the circuit's name.
        state: what it does with calls now.
        shadow: True while it only records and announces, and rejects nothing.
        calls, failures, slow_calls: what the window holds; while open what it held when it opened,
            while half-open the trials that have ended.
        failure_rate, slow_call_rate: shares 0-1 of `calls`; None below `min_calls`.
        rejected: calls refused since it was made or reset.
        opened_at: wall-clock time, seconds since 1970-01-01 UTC, of the last opening; None: never.
        retry_after: seconds until a call may pass; 0.0 where one passes now.
        last_error: type and text of the last failure, at most 200 characters; None: none yet.
        generation: number of transitions so far.
        forced: why and by whom, while an operator's order holds: `{"kind": …, "reason": …,
            "actor": …, "ends_in": seconds}`; else None.
    """

    name: str
    state: CircuitState
    shadow: bool
    calls: int
    failures: int
    slow_calls: int
    failure_rate: float | None
    slow_call_rate: float | None
    rejected: int
    opened_at: float | None
    retry_after: float
    last_error: str | None
    generation: int
    forced: dict[str, str | float | None] | None
