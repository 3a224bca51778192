"""For tests of code that uses resilience: a clock in hand, circuits at will, events on record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from resilience.core.demand import is_made
from resilience.core.guard import guarded_runs
from resilience.events import Event
from resilience.systems import System
from resilience.systems import system as default_system
from resilience.testing.clocks import (
    ManualClock,
    StoppableClock,
    StoppableSystem,
    make_stoppable,
)

if TYPE_CHECKING:
    from resilience.testing.contracts.circuits import CircuitMachine, OperatedMachine
    from resilience.testing.contracts.fleets import FleetContract
    from resilience.testing.contracts.stores import StoreContract
    from resilience.testing.contracts.workers import Workers
    from resilience.testing.fleets import FakeFleet
    from resilience.testing.injections import inject

__all__ = [
    "CircuitMachine",
    "FakeFleet",
    "FleetContract",
    "ManualClock",
    "OperatedMachine",
    "StoppableClock",
    "StoppableSystem",
    "StoreContract",
    "Workers",
    "force_open",
    "inactive",
    "inject",
    "make_stoppable",
    "record_events",
    "reset",
]

_MODULES = {
    "CircuitMachine": "contracts.circuits",
    "FakeFleet": "fleets",
    "FleetContract": "contracts.fleets",
    "OperatedMachine": "contracts.circuits",
    "StoreContract": "contracts.stores",
    "Workers": "contracts.workers",
    "inject": "injections",
}
"""Loaded when somebody asks for them: they bring rooms that a test may not use, pytest, and what
runs a model, Hypothesis."""


_EXTRA = ("pytest", "hypothesis")


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        raise ModuleNotFoundError(
            f"resilience.testing.{name} needs {error.name}: pip install 'resilience-web[testing]'",
            name=error.name,
        ) from error


_ORDERS = {
    "forced_open": "force_open",
    "forced_closed": "force_closed",
    "disabled": "disable",
    "shadow": "shadow",
}
"""By which method of a circuit each kind of order is given."""


class force_open:  # noqa: N801 - it reads as what it does
    """Force a circuit open, at once; as a context manager, until its end.

    What was ordered before is in force again afterwards, for as long as it would have been.

    Args:
        name: the circuit's name.
        system: whose circuit; default: the process-wide system's.

    Raises:
        KeyError: there is no such circuit; says near names.
    """

    def __init__(self, name: str, *, system: System = default_system) -> None:
        self._circuit = system.circuits[name]
        self._before = self._circuit.order()
        self._circuit.force_open(reason="resilience.testing.force_open", actor="test")

    def __enter__(self) -> None:
        """Go on with the circuit open."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._circuit.release()
        before = self._before
        left = 0.0 if before is None else before.until - self._circuit.monotonic()
        if before is not None and left > 0:
            again = getattr(self._circuit, _ORDERS[before.kind])
            again(before.reason, before.actor, left)


@contextmanager
def record_events(system: System = default_system) -> Iterator[list[Event]]:
    """Give a list that every event of `system` is appended to."""
    events: list[Event] = []
    unsubscribe = system.on_event(events.append)
    try:
        yield events
    finally:
        unsubscribe()


def reset(system: System = default_system) -> None:
    """Close all circuits of `system` afresh, without orders, counts or keys; fill all budgets.

    It is at the normal level then, no feature is under an order, no health check has found
    anything yet, the healer knows of no failure, no fallback of a last good answer, and no
    experiment runs.
    """
    system.circuits.reset()
    system.retries.reset()
    for _, guard in guarded_runs(system.runtime):
        kept = getattr(getattr(guard.layer("fallback"), "answers", None), "kept", None)
        if kept is not None:
            kept.clear()
    if is_made(system, "degradation"):
        system.degradation.reset()
    if is_made(system, "health"):
        system.health.reset()
    if is_made(system, "healer"):
        system.healer.reset()
    if is_made(system, "chaos"):
        system.chaos.halt("reset")


@contextmanager
def inactive(system: System = default_system) -> Iterator[None]:
    """Let all guards of `system` pass their calls through, uncounted."""
    before, system.active = system.active, False
    try:
        yield
    finally:
        system.active = before
