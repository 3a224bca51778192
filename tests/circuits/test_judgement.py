"""When the window is judged: after successes too, and by what is in force at that moment."""

from collections.abc import Generator
from typing import Any

import pytest

from resilience import Circuit, System
from resilience.testing import ManualClock


class Pause:
    """Awaited, it hands control to whoever steps the coroutine."""

    def __await__(self) -> Generator[None, None, str]:
        yield
        return "well"


async def paused() -> str:
    """Answer when the test resumes this call."""
    return await Pause()


def succeed(circuit: Circuit, times: int = 1) -> None:
    """Make calls that succeed."""
    for _ in range(times):
        assert circuit.call(int) == 0


def fail(circuit: Circuit, times: int = 1) -> None:
    """Make calls that fail."""
    for _ in range(times):
        with pytest.raises(ZeroDivisionError):
            circuit.call(divmod, 1, 0)


def test_a_success_that_completes_min_calls_opens(system: System) -> None:
    """Three failures of four calls are judged when the fifth call succeeds."""
    circuit = system.circuits.get("it", failure_threshold=3, min_calls=5)

    fail(circuit, 3)
    succeed(circuit)
    assert circuit.state == "closed"
    succeed(circuit)

    assert circuit.state == "open"


def test_a_success_opens_when_old_successes_have_left_the_window(
    system: System, clock: ManualClock
) -> None:
    """The rate rises by time alone; the next call, though it succeeds, shows it."""
    circuit = system.circuits.get("it", failure_threshold=3, window=60.0)

    succeed(circuit, 10)
    clock.advance(30.0)
    fail(circuit, 5)
    succeed(circuit)
    assert circuit.state == "closed"
    clock.advance(30.0)
    succeed(circuit)

    assert circuit.state == "open"


@pytest.mark.parametrize("order", ["force_closed", "disable", "shadow"])
def test_a_success_opens_after_an_order_that_held_the_circuit(system: System, order: str) -> None:
    """What was counted under `force_closed` is judged by the first call after it."""
    circuit = system.circuits.get("it", failure_threshold=3)
    fail(circuit, 2)
    circuit.force_closed("for the sale")
    fail(circuit, 3)
    getattr(circuit, order)("next order")
    circuit.release()
    assert circuit.state == "closed"

    succeed(circuit)

    assert circuit.state == "open"


def test_a_success_opens_when_new_settings_are_stricter(system: System) -> None:
    """Counts outlive a reconfiguration, and the new limits hold from the next call on."""
    circuit = system.circuits.get("it")
    fail(circuit, 4)
    succeed(circuit, 3)
    system.configure({"circuits": {"it": {"failure_threshold": 3}}})
    assert (circuit.state, circuit.snapshot().failures) == ("closed", 4)

    succeed(circuit)

    assert circuit.state == "open"


def begun(circuit: Circuit) -> Any:
    """Begin a call that goes on."""
    call = circuit.call_async(paused)
    call.send(None)
    return call


def test_an_order_whose_time_is_up_hides_no_result(system: System, clock: ManualClock) -> None:
    """A call on its way counts when it ends after a forced state, though nobody called since."""
    circuit = system.circuits.get("it")
    call = begun(circuit)
    circuit.force_open("test", for_=5.0)
    clock.advance(5.0)

    with pytest.raises(OSError, match="late"):
        call.throw(OSError("late"))

    assert (circuit.state, circuit.snapshot().failures) == ("closed", 1)


def test_an_order_whose_time_is_up_holds_nothing_closed(system: System, clock: ManualClock) -> None:
    """A call that fails after `force_closed` has ended opens the circuit at once."""
    circuit = system.circuits.get("it", failure_threshold=3)
    circuit.force_closed("test", for_=5.0)
    call = begun(circuit)
    fail(circuit, 4)
    clock.advance(5.0)

    with pytest.raises(OSError, match="late"):
        call.throw(OSError("late"))

    assert circuit.state == "open"
