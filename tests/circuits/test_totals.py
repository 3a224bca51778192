"""Totals of a circuit: numbers that only grow, whatever its state does."""

import pytest

from resilience import Circuit, CircuitOpenError, System
from resilience.testing import ManualClock


def fail() -> None:
    """Fail."""
    raise OSError("no")


def failing(circuit: Circuit, times: int) -> None:
    """Let calls fail."""
    for _ in range(times):
        with pytest.raises(OSError, match="no"):
            circuit.call(fail)


@pytest.mark.parametrize("window", [{"window": 10.0}, {"window_calls": 10}])
def test_totals_only_grow(system: System, clock: ManualClock, window: dict[str, float]) -> None:
    """Through windows that forget, an opening, trials, a reset and new settings."""
    circuit = system.circuits.get("it", reset_timeout=5.0, slow_call_duration=1.0, **window)
    for _ in range(20):
        circuit.call(clock.advance, 0.5)
    circuit.call(clock.advance, 2.0)
    assert circuit.totals() == (21, 0, 1, 0)

    clock.advance(60.0)
    failures = 0
    while circuit.state == "closed":
        failing(circuit, 1)
        failures += 1
    for _ in range(3):
        with pytest.raises(CircuitOpenError):
            circuit.call(fail)
    assert circuit.totals() == (21 + failures, failures, 1, 3)

    clock.advance(6.0)
    failing(circuit, 2)
    assert circuit.totals() == (23 + failures, failures + 2, 1, 3)

    circuit.reset()
    circuit.call(int)
    assert circuit.totals() == (24 + failures, failures + 2, 1, 3)
    assert circuit.snapshot().rejected == 0
