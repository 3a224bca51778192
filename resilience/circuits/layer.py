"""The circuit as a layer of a guard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from resilience.circuits.breaker import Circuit
from resilience.circuits.family import CircuitFamily
from resilience.circuits.registry import Circuits
from resilience.core import shell
from resilience.core.guard import Guard, layer_of
from resilience.core.kinds import Kind
from resilience.core.names import shown
from resilience.errors import ConfigurationError

_BY_KEY = {
    Kind.SYNC: shell.keyed_sync,
    Kind.ASYNC: shell.keyed_async,
    Kind.GENERATOR: shell.guard_generator,
    Kind.ASYNC_GENERATOR: shell.guard_async_generator,
}


class CircuitLayer:
    """Runs a function's calls through a circuit of `circuits`, made when it is attached."""

    __slots__ = ("_circuits", "_entry", "_name", "_options")

    role = "circuit"

    def __init__(self, circuits: Circuits, name: str | None, options: Mapping[str, Any]) -> None:
        self._circuits = circuits
        self._name = name
        self._options = options
        self._entry: Circuit | CircuitFamily | None = None

    @property
    def component(self) -> str:
        """The circuit's name."""
        return self.entry.name

    @property
    def entry(self) -> Circuit | CircuitFamily:
        """The circuit, or with `key=` the family of circuits."""
        assert self._entry is not None
        return self._entry

    def attach(self, guard: Guard) -> None:
        """Make or find the circuit; it has the function's name where none is given."""
        if self._entry is None:
            name = guard.name if self._name is None else self._name
            self._entry = self._circuits.declare(name, self._options, owner=guard.name)

    def wrap(self, call: Callable[..., Any], guard: Guard) -> Callable[..., Any]:
        """Return `call` inside the circuit, or inside the one of each call's key."""
        entry = self.entry
        if isinstance(entry, CircuitFamily):
            return _BY_KEY[guard.kind](entry.of_call, call)
        if guard.kind is Kind.SYNC:
            return shell.guard_sync(entry, call)
        if guard.kind is Kind.ASYNC:
            return shell.guard_async(entry, call)
        return _BY_KEY[guard.kind](lambda args, kwargs: entry, call)

    def __reduce__(self) -> Any:
        return CircuitLayer, (self._circuits, self._name, self._options)

    def describe(self) -> Iterator[str]:
        """Yield the circuit's name and its settings, each with its source."""
        entry = self.entry
        yield f"circuit {entry.name!r}" + (" by key" if isinstance(entry, CircuitFamily) else "")
        for name, (value, source) in self._circuits.origins(entry.name).items():
            yield f"{name} = {shown(value)}  ({source})"
        order = entry.snapshot().forced if isinstance(entry, Circuit) else None
        if order:
            yield f"{order['kind']}  (operator {order['actor'] or 'unknown'}: {order['reason']})"


def circuit_of(target: Any) -> Circuit | Any:
    """Return the circuit of a guarded function; with `key=`, the `CircuitFamily` of its circuits.

    To type checkers it is a circuit, which it is nearly always; for a family, say
    `isinstance(found, CircuitFamily)`.

    Raises:
        ConfigurationError: it has none.
    """
    layer = layer_of(target, "circuit")
    if not isinstance(layer, CircuitLayer):
        raise ConfigurationError(f"{target!r} has no circuit: @circuit is not on it")
    return layer.entry
