"""Circuits that remember failures of something that was put right."""

from __future__ import annotations

from typing import Unpack

from resilience.circuits.breaker import Circuit
from resilience.circuits.states import CircuitState
from resilience.errors import ConfigurationError
from resilience.healing.actions import Action, ActionOptions


class ResetCircuit(Action):
    """Closes a circuit and forgets its counts, without waiting for trial calls.

    It runs when something else has put the component right; by itself it only lets calls fail
    again. What an operator has ordered stays.

    Args:
        component: what it recovers.
        circuit: such as `system.circuits["payments"]`.
        options: those of `Action`.

    Raises:
        ConfigurationError: it is no circuit.
    """

    follows = True

    def __init__(self, component: str, circuit: Circuit, **options: Unpack[ActionOptions]) -> None:
        if not isinstance(circuit, Circuit):
            raise ConfigurationError(
                f"ResetCircuit({component!r}): {circuit!r} is no circuit: "
                'give one such as system.circuits.get("payments")'
            )
        self._circuit = circuit
        super().__init__(component, **options)

    def act(self) -> None:
        """Reset it, unless its state is an operator's order."""
        if self._circuit.order() is None:
            self._circuit.reset("its component was recovered")

    def applies(self, error: BaseException | None) -> bool:
        """Tell whether there is anything to reset."""
        circuit = self._circuit
        is_closed = circuit.state is CircuitState.CLOSED
        return super().applies(error) and not is_closed and circuit.order() is None

    def measure(self) -> str:
        """Return the circuit's state."""
        return str(self._circuit.state)
