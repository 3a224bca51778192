"""Circuits that remember failures of something that was put right."""

from __future__ import annotations

from typing import Unpack

from resilience.circuits.breaker import Circuit
from resilience.healing.actions import Action, ActionOptions


class ResetCircuit(Action):
    """Closes a circuit and forgets its counts, without waiting for trial calls.

    Register it after what puts the cause right: alone it only lets calls fail again.

    Args:
        component: what it recovers.
        circuit: such as `system.circuits["payments"]`.
        options: those of `Action`.
    """

    def __init__(self, component: str, circuit: Circuit, **options: Unpack[ActionOptions]) -> None:
        self._circuit = circuit
        super().__init__(component, **options)

    def act(self) -> None:
        """Reset it."""
        self._circuit.reset()

    def measure(self) -> str:
        """Return the circuit's state."""
        return str(self._circuit.state)
