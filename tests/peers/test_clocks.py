"""Peers' flaws with time: wall clock jumps and local time zones."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from resilience import Circuit, CircuitOpenError, System
from resilience.testing import ManualClock

CircuitMove = Callable[[Circuit], None]
DAY = 86_400.0


@pytest.fixture
def circuit(system: System) -> Circuit:
    """Give a closed circuit that takes one trial call when it is half-open."""
    return system.circuits.get(
        "upstream", reset_timeout=10.0, half_open_calls=1, success_threshold=1
    )


@pytest.mark.parametrize("jump", [-400 * DAY, -3600.0, 3600.0, 400 * DAY])
def test_an_open_circuit_does_not_notice_that_the_wall_clock_jumps(
    circuit: Circuit, clock: ManualClock, trip: CircuitMove, jump: float
) -> None:
    """It neither closes at once nor stays open for ever."""
    trip(circuit)
    before = circuit.snapshot()

    clock.wall += jump
    with pytest.raises(CircuitOpenError):
        circuit.call(int)
    assert circuit.snapshot().retry_after == before.retry_after

    assert before.retry_after is not None
    clock.advance(before.retry_after + 0.001)
    assert circuit.call(int) == 0
    assert circuit.state == "closed"


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_the_window_does_not_notice_that_the_wall_clock_jumps(
    circuit: Circuit, clock: ManualClock, jump: float
) -> None:
    """Failures before the jump count after it, until the window has really passed."""
    for _ in range(4):
        with pytest.raises(ZeroDivisionError):
            circuit.call(divmod, 1, 0)

    clock.wall += jump
    assert circuit.snapshot().failures == 4
    with pytest.raises(ZeroDivisionError):
        circuit.call(divmod, 1, 0)

    assert circuit.state == "open"


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_a_trial_does_not_notice_that_the_wall_clock_jumps(
    circuit: Circuit, clock: ManualClock, trip: CircuitMove, begin: Callable[..., Any], jump: float
) -> None:
    """A trial keeps its place as long as it would have."""
    trip(circuit)
    clock.advance(11.001)
    trial = begin(circuit)

    clock.wall += jump
    with pytest.raises(CircuitOpenError):
        circuit.call(int)
    clock.advance(10.001)

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
def test_the_local_time_zone_is_irrelevant(
    circuit: Circuit, clock: ManualClock, trip: CircuitMove
) -> None:
    """The rejection, its text and the snapshot are the same everywhere, down to the second."""
    clock.wall = 1_800_000_000.0  # 2027-01-15, no summer time in Berlin
    trip(circuit)
    snapshot = circuit.snapshot()

    with pytest.raises(CircuitOpenError) as rejected:
        circuit.call(int)

    assert snapshot.opened_at == 1_800_000_000.0
    assert snapshot.retry_after == rejected.value.retry_after
    assert 9.0 <= rejected.value.retry_after <= 11.0
    assert "upstream" in str(rejected.value)


def test_without_a_clock_given_the_machines_monotonic_one_decides() -> None:
    """It is the one that nobody can set."""
    circuit = System().circuits.get("it")

    assert circuit.monotonic is time.monotonic
