"""Calls that succeed and fail, for the tests of circuits."""

import pytest

from resilience import Circuit, CircuitOpenError


class Calls:
    """Makes calls through a circuit."""

    def succeed(self, circuit: Circuit, times: int = 1) -> None:
        """Make calls that return."""
        for _ in range(times):
            assert circuit.call(int) == 0

    def fail(self, circuit: Circuit, times: int = 1) -> None:
        """Make calls that raise."""
        for _ in range(times):
            with pytest.raises(ZeroDivisionError):
                circuit.call(divmod, 1, 0)

    def passes(self, circuit: Circuit) -> bool:
        """Tell whether a call, which succeeds, is admitted."""
        try:
            return circuit.call(int) == 0
        except CircuitOpenError:
            return False

    def trip(self, circuit: Circuit) -> float:
        """Let calls fail until the circuit opens; return the seconds that it stays open."""
        while circuit.state == "closed":
            self.fail(circuit)
        assert circuit.state == "open"
        return circuit.snapshot().retry_after


@pytest.fixture
def calls() -> Calls:
    """Give what makes calls."""
    return Calls()
