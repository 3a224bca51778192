"""Peers' flaws with time: wall clock jumps and local time zones."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from resilience import Circuit, CircuitOpenError, System
from resilience.testing import ManualClock

CircuitMove = Callable[[Circuit], None]
DAY = 86_400.0


class Wall:
    """A clock whose wall time can be set apart from the running time."""

    def __init__(self) -> None:
        self._running = ManualClock()
        self.offset = 0.0
        self.advance = self._running.advance
        self.monotonic = self._running.monotonic

    def time(self) -> float:
        """Seconds since 1970, with all jumps."""
        return self._running.time() + self.offset


@pytest.fixture
def wall() -> Wall:
    """Give a clock whose wall time jumps when the test says so."""
    return Wall()


@pytest.fixture
def circuit(wall: Wall) -> Circuit:
    """Give a closed circuit on that clock."""
    return System(clock=wall).circuits.get(
        "upstream", reset_timeout=10.0, half_open_calls=1, success_threshold=1
    )


@pytest.mark.parametrize("jump", [-400 * DAY, -3600.0, 3600.0, 400 * DAY])
def test_an_open_circuit_does_not_notice_that_the_wall_clock_jumps(
    circuit: Circuit, wall: Wall, trip: CircuitMove, jump: float
) -> None:
    """It neither closes at once nor stays open for ever."""
    trip(circuit)
    before = circuit.snapshot()

    wall.offset += jump
    with pytest.raises(CircuitOpenError):
        circuit.call(int)
    assert circuit.snapshot().retry_after == before.retry_after

    assert before.retry_after is not None
    wall.advance(before.retry_after + 0.001)
    assert circuit.call(int) == 0
    assert circuit.state == "closed"


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_the_window_does_not_notice_that_the_wall_clock_jumps(
    circuit: Circuit, wall: Wall, jump: float
) -> None:
    """Failures before the jump count after it, until the window has really passed."""
    for _ in range(4):
        with pytest.raises(ZeroDivisionError):
            circuit.call(divmod, 1, 0)

    wall.offset += jump
    assert circuit.snapshot().failures == 4
    with pytest.raises(ZeroDivisionError):
        circuit.call(divmod, 1, 0)

    assert circuit.state == "open"


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_a_trial_does_not_notice_that_the_wall_clock_jumps(
    circuit: Circuit, wall: Wall, trip: CircuitMove, begin: Callable[..., Any], jump: float
) -> None:
    """A trial keeps its place as long as it would have."""
    trip(circuit)
    wall.advance(11.001)
    trial = begin(circuit)

    wall.offset += jump
    with pytest.raises(CircuitOpenError):
        circuit.call(int)
    wall.advance(10.001)

    assert circuit.call(int) == 0
    trial.succeed()


@pytest.fixture(params=["Pacific/Kiritimati", "America/St_Johns", "Europe/Berlin", "UTC"])
def time_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Put the process into a time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("time_zone")
def test_the_local_time_zone_is_irrelevant(circuit: Circuit, wall: Wall, trip: CircuitMove) -> None:
    """The rejection, its text and the snapshot are the same everywhere, down to the second."""
    wall.offset = 1_800_000_000.0 - wall.time()  # 2027-01-15, no summer time in Berlin
    trip(circuit)
    snapshot = circuit.snapshot()

    with pytest.raises(CircuitOpenError) as rejected:
        circuit.call(int)

    assert snapshot.opened_at == 1_800_000_000.0
    assert snapshot.retry_after == rejected.value.retry_after
    assert 9.0 <= rejected.value.retry_after <= 11.0
    assert "upstream" in str(rejected.value)
