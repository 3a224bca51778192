"""One circuit for each key: tenant, host, account."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from math import inf
from threading import Lock
from typing import Any

from resilience.circuits.breaker import Circuit
from resilience.circuits.settings import CircuitSettings
from resilience.circuits.snapshot import NO_CALLS, Totals
from resilience.core.runtime import Runtime

OVERFLOW = "*"
LOOK_AGAIN = 1.0  # seconds between searches for a place in a family where none can be forgotten


class CircuitFamily:
    """The circuits of one name, one for each key, at most `max_keys` of them.

    When it is full, those that were idle longest are forgotten: a circuit that is not closed, or
    has failures in its window, is never one of them. While none can go, new keys share one
    circuit, `name[*]`.

    Args:
        name: what it is known by.
        settings: of each of its circuits.
        runtime: its system's clock, chance and events.
        recall: called with each new circuit, to put back what it was before a restart.
    """

    __slots__ = (
        "__weakref__", "_by_key", "_forgotten", "_full_until", "_lock", "_overflow", "_recall",
        "_runtime", "name", "settings",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        settings: CircuitSettings,
        runtime: Runtime,
        recall: Callable[[Circuit], None] = lambda circuit: None,
    ) -> None:
        self.name = name
        self._recall = recall
        self.settings = settings
        self._runtime = runtime
        self._by_key: dict[Hashable, Circuit] = {}
        self._overflow: Circuit | None = None
        self._forgotten = NO_CALLS
        self._full_until = -inf  # monotonic seconds before which searching for a place is vain
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<CircuitFamily {self.name!r} of {len(self)}>"

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Circuit]:
        circuits = [*self._by_key.copy().values()]
        return iter([*circuits, self._overflow] if self._overflow else circuits)

    def of(self, key: Hashable) -> Circuit:
        """Return the circuit of `key`, made on first use."""
        found = self._by_key.get(key)  # no lock: a dict is read whole
        if found is None:
            with self._lock:
                found = self._by_key.get(key) or self._make(key)
        found.used = found.monotonic()
        return found

    def of_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Circuit:
        """Return the circuit of the key that the `key` setting makes of a call's arguments."""
        assert self.settings.key is not None
        return self.of(self.settings.key(*args, **kwargs))

    def totals(self) -> Totals:
        """Return the calls of all its circuits, also of those that it has forgotten."""
        with self._lock:  # else one might be forgotten in between, and count twice or never
            totals, circuits = self._forgotten, [*self]
        for circuit in circuits:
            totals = totals.plus(circuit.totals())
        return totals

    def reconfigure(self, settings: CircuitSettings) -> None:
        """Put new settings in force in all its circuits."""
        with self._lock:  # else a circuit that is being made might miss them
            self.settings = settings
            for circuit in self:
                circuit.reconfigure(settings)

    def after_fork(self) -> None:
        """Replace the lock; one held at the fork stays locked for ever."""
        self._lock = Lock()

    def clear(self) -> None:
        """Forget all keys."""
        with self._lock:
            for circuit in self:
                self._forgotten = self._forgotten.plus(circuit.totals())
            self._by_key, self._overflow, self._full_until = {}, None, -inf

    def _make(self, key: Hashable) -> Circuit:
        if self._is_full() and not self._find_place():
            self._overflow = self._overflow or self._new(OVERFLOW)
            return self._overflow
        circuit = self._by_key[key] = self._new(key)
        return circuit

    def _new(self, key: Hashable) -> Circuit:
        shown = "".join(each if each.isprintable() else "?" for each in str(key)[:100])
        circuit = Circuit(f"{self.name}[{shown}]", self.settings, self._runtime)
        self._recall(circuit)
        return circuit

    def _is_full(self) -> bool:
        return len(self._by_key) >= self.settings.max_keys

    def _find_place(self) -> bool:
        """Make room by forgetting idle circuits; tell whether there is some."""
        now = self._runtime.clock.monotonic()
        if now < self._full_until:
            return False
        self._forget_idle()
        if self._is_full():
            self._full_until = now + LOOK_AGAIN
        return not self._is_full()

    def _forget_idle(self) -> None:
        """Forget a tenth of the places at once: sorting then costs little per new key."""
        idle = [(each.used, key) for key, each in self._by_key.items() if each.is_idle()]
        idle.sort(key=lambda pair: pair[0])
        beyond = len(self._by_key) - self.settings.max_keys  # after `max_keys` was lowered
        for _, key in idle[: beyond + max(1, self.settings.max_keys // 10)]:
            self._forgotten = self._forgotten.plus(self._by_key.pop(key).totals())
