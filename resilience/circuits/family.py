"""One circuit for each key: tenant, host, account."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from threading import Lock
from typing import Any

from resilience.circuits.breaker import Circuit
from resilience.circuits.settings import CircuitSettings
from resilience.core.runtime import Runtime

OVERFLOW = "*"


class CircuitFamily:
    """The circuits of one name, one for each key, at most `max_keys` of them.

    When it is full, those that were idle longest are forgotten: a circuit that is not closed, or
    has failures in its window, is never one of them. While none can go, new keys share one
    circuit, `name[*]`.
    """

    __slots__ = ("__weakref__", "_by_key", "_lock", "_overflow", "_runtime", "name", "settings")

    def __init__(self, name: str, settings: CircuitSettings, runtime: Runtime) -> None:
        self.name = name
        self.settings = settings
        self._runtime = runtime
        self._by_key: dict[Hashable, Circuit] = {}
        self._overflow: Circuit | None = None
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

    def reconfigure(self, settings: CircuitSettings) -> None:
        """Put new settings in force in all its circuits."""
        self.settings = settings
        for circuit in self:
            circuit.reconfigure(settings)

    def after_fork(self) -> None:
        """Replace the lock; one held at the fork stays locked for ever."""
        self._lock = Lock()

    def clear(self) -> None:
        """Forget all keys."""
        with self._lock:
            self._by_key, self._overflow = {}, None

    def _make(self, key: Hashable) -> Circuit:
        if len(self._by_key) >= self.settings.max_keys:
            self._forget_idle()
        if len(self._by_key) >= self.settings.max_keys:
            self._overflow = self._overflow or self._new(OVERFLOW)
            return self._overflow
        circuit = self._by_key[key] = self._new(key)
        return circuit

    def _new(self, key: Hashable) -> Circuit:
        return Circuit(f"{self.name}[{str(key)[:100]}]", self.settings, self._runtime)

    def _forget_idle(self) -> None:
        """Forget a tenth of the places at once: sorting then costs little per new key."""
        idle = [(each.used, key) for key, each in self._by_key.items() if each.is_idle()]
        idle.sort(key=lambda pair: pair[0])
        for _, key in idle[: max(1, self.settings.max_keys // 10)]:
            del self._by_key[key]
