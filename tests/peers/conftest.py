"""Fixtures for the tests of what other packages get wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from resilience import Circuit
from resilience.testing import ManualClock

CircuitMove = Callable[[Circuit], None]


class BrokenError(Exception):
    """What the guarded calls of these tests fail with."""


class Pause:
    """Awaited, it hands control to whoever steps the coroutine; what is sent in is its value."""

    def __await__(self) -> Any:
        return (yield)


async def paused() -> Any:
    """Do what the test decides when it resumes this call."""
    return await Pause()


class Running:
    """A call that a circuit has admitted, and that ends when and how the test says."""

    def __init__(self, circuit: Circuit) -> None:
        self._call = circuit.call_async(paused)
        self._call.send(None)

    def succeed(self) -> None:
        """Let the call return."""
        with pytest.raises(StopIteration):
            self._call.send("well")

    def fail(self, error: BaseException) -> None:
        """Let the call raise."""
        with pytest.raises(type(error)) as raised:
            self._call.throw(error)
        assert error is raised.value

    def abandon(self) -> None:
        """Drop the call, as a loop does that ends."""
        self._call.close()


@pytest.fixture
def begin() -> type[Running]:
    """Give what begins a call in a circuit."""
    return Running


@pytest.fixture
def trip() -> CircuitMove:
    """Give a function that lets calls fail until the circuit is open."""

    def fail() -> None:
        raise BrokenError

    def until_open(circuit: Circuit) -> None:
        for _ in range(1000):
            if circuit.state == "open":
                return
            with pytest.raises(BrokenError):
                circuit.call(fail)
        pytest.fail(f"{circuit.name} stays {circuit.state} after 1000 failures")

    return until_open


@pytest.fixture
def due(clock: ManualClock) -> CircuitMove:
    """Give a function that lets an open circuit's waiting time pass, to just after its end."""

    def wait(circuit: Circuit) -> None:
        assert circuit.state == "open"
        retry_after = circuit.snapshot().retry_after
        assert retry_after is not None
        clock.advance(retry_after + 0.001)

    return wait
