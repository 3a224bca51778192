"""The bulkhead as a layer of a guard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from resilience.core.guard import Guard, layer_of
from resilience.core.kinds import Kind
from resilience.errors import ConfigurationError
from resilience.limits import held
from resilience.limits.bulkheads import Bulkhead
from resilience.limits.registry import Bulkheads

_SHELLS = {
    Kind.SYNC: held.held_sync,
    Kind.ASYNC: held.held_async,
    Kind.GENERATOR: held.held_generator,
    Kind.ASYNC_GENERATOR: held.held_async_generator,
}


class BulkheadLayer:
    """Runs a function's calls in places of a bulkhead, made when it is attached.

    Args:
        bulkheads: the system's bulkheads.
        name: the bulkhead's name; default: the function's `module.qualname`.
        options: the settings of `BulkheadSettings`.
    """

    __slots__ = ("_bulkheads", "_entry", "_name", "_options")

    role = "bulkhead"

    def __init__(self, bulkheads: Bulkheads, name: str | None, options: Mapping[str, Any]) -> None:
        self._bulkheads = bulkheads
        self._name = name
        self._options = options
        self._entry: Bulkhead | None = None

    @property
    def entry(self) -> Bulkhead:
        """The bulkhead."""
        assert self._entry is not None
        return self._entry

    def attach(self, guard: Guard) -> None:
        """Make or find the bulkhead; it has the function's name where none is given."""
        if self._entry is None:
            name = guard.name if self._name is None else self._name
            self._entry = self._bulkheads.declare(name, self._options, owner=guard.name)

    def wrap(self, call: Callable[..., Any], guard: Guard) -> Callable[..., Any]:
        """Return `call` as it runs in a place."""
        return _SHELLS[guard.kind](self.entry, call)

    def __reduce__(self) -> Any:
        return BulkheadLayer, (self._bulkheads, self._name, self._options)

    def describe(self) -> Iterator[str]:
        """Yield the bulkhead's name and its settings, each with its source."""
        yield f"bulkhead {self.entry.name!r}"
        for name, (value, source) in self._bulkheads.origins(self.entry.name).items():
            yield f"{name} = {value}  ({source})"


def bulkhead_of(target: Any) -> Bulkhead:
    """Return the bulkhead of a guarded function.

    Raises:
        ConfigurationError: it has none.
    """
    layer = layer_of(target, "bulkhead")
    if not isinstance(layer, BulkheadLayer):
        raise ConfigurationError(f"{target!r} has no bulkhead: @bulkhead is not on it")
    return layer.entry
