"""When a circuit opens, how long it stays open, and how it comes back."""

import random

import pytest

from resilience import Circuit, Event, System
from resilience.testing import ManualClock
from tests.circuits.conftest import Calls


class Middle(random.Random):
    """Chance without chance: jitter of 0, so that times are round."""

    def random(self) -> float:
        """Return the middle."""
        return 0.5


@pytest.fixture
def exact(clock: ManualClock) -> System:
    """Give a system without jitter."""
    return System(clock=clock, random=Middle())


def relapse(circuit: Circuit, clock: ManualClock, calls: Calls) -> float:
    """Let the open time pass and one trial after the other fail; return the next open time."""
    clock.advance(circuit.snapshot().retry_after)
    while circuit.state != "open" or circuit.snapshot().retry_after == 0:
        calls.fail(circuit)
    return circuit.snapshot().retry_after


def recover(circuit: Circuit, clock: ManualClock, calls: Calls) -> None:
    """Let the open time pass and trials succeed."""
    clock.advance(circuit.snapshot().retry_after)
    calls.succeed(circuit, 2)
    assert circuit.state == "closed"


def test_the_open_time_spreads_by_a_tenth_either_way(clock: ManualClock, calls: Calls) -> None:
    """All of a hundred circuits wait 27 to 33 s, spread over the whole of it."""
    system = System(clock=clock, random=random.Random(1))
    waits = [calls.trip(system.circuits.get(f"{number}")) for number in range(100)]

    assert all(27.0 <= wait <= 33.0 for wait in waits)
    assert min(waits) < 27.6
    assert max(waits) > 32.4
    assert len(set(waits)) == 100


def test_the_same_seed_gives_the_same_times(clock: ManualClock, calls: Calls) -> None:
    """A run is repeatable."""

    def waits() -> list[float]:
        system = System(clock=clock, random=random.Random(3))
        return [calls.trip(system.circuits.get(name)) for name in "abc"]

    assert waits() == waits()


def test_each_relapse_waits_longer_up_to_the_maximum(
    exact: System, clock: ManualClock, calls: Calls
) -> None:
    """Times the multiplier, and never above `reset_timeout_max`."""
    circuit = exact.circuits.get(
        "it", reset_timeout=10, reset_timeout_multiplier=3, reset_timeout_max=200
    )

    assert calls.trip(circuit) == 10.0
    assert [relapse(circuit, clock, calls) for _ in range(4)] == [30.0, 90.0, 200.0, 200.0]


def test_a_reset_timeout_above_the_maximum_wins(exact: System, calls: Calls) -> None:
    """The longest time is never shorter than the first."""
    circuit = exact.circuits.get("it", reset_timeout=400)

    assert calls.trip(circuit) == 400.0


def test_opening_again_soon_after_closing_is_a_relapse(
    exact: System, clock: ManualClock, calls: Calls
) -> None:
    """What was healthy for less than `reset_timeout_max` is not forgiven."""
    circuit = exact.circuits.get("it", reset_timeout=10, reset_timeout_max=100)
    calls.trip(circuit)
    recover(circuit, clock, calls)
    clock.advance(99.9)

    assert calls.trip(circuit) == 20.0


@pytest.mark.parametrize(
    ("healthy", "wait"), [(0, 80.0), (99, 80.0), (100, 40.0), (200, 20.0), (300, 10.0), (999, 10.0)]
)
def test_relapses_are_forgiven_one_by_one(
    exact: System, clock: ManualClock, calls: Calls, healthy: float, wait: float
) -> None:
    """Three relapses need three times `reset_timeout_max` seconds closed."""
    circuit = exact.circuits.get("it", reset_timeout=10, reset_timeout_max=100)
    calls.trip(circuit)
    assert [relapse(circuit, clock, calls) for _ in range(2)] == [20.0, 40.0]
    recover(circuit, clock, calls)

    clock.advance(healthy)

    assert calls.trip(circuit) == wait


def test_a_multiplier_that_grows_after_many_relapses_breaks_no_call(
    exact: System, clock: ManualClock, calls: Calls
) -> None:
    """2 ** 1100 is no float; the wait is the maximum then."""
    circuit = exact.circuits.get("it", reset_timeout=1, reset_timeout_multiplier=1)
    calls.trip(circuit)
    for _ in range(1100):
        assert relapse(circuit, clock, calls) == 1.0

    exact.configure({"circuits": {"it": {"reset_timeout_multiplier": 2}}})

    assert relapse(circuit, clock, calls) == 300.0


def test_half_open_closes_at_the_threshold_and_not_before(
    exact: System, clock: ManualClock, calls: Calls, events: list[Event]
) -> None:
    """Two of three trials close it; one failure among them does not matter."""
    circuit = exact.circuits.get("it")
    clock.advance(calls.trip(circuit))

    calls.succeed(circuit)
    calls.fail(circuit)
    assert circuit.state == "half_open"
    calls.succeed(circuit)

    assert circuit.state == "closed"
    assert circuit.snapshot().calls == 0


def test_an_open_circuit_shows_what_opened_it(
    exact: System, clock: ManualClock, calls: Calls
) -> None:
    """So people see why; half-open it shows its trials, and closed what has come since."""
    circuit = exact.circuits.get("it", min_calls=2)
    calls.succeed(circuit)
    wait = calls.trip(circuit)

    def shown() -> tuple[int, int, float | None]:
        snapshot = circuit.snapshot()
        return snapshot.calls, snapshot.failures, snapshot.failure_rate

    assert shown() == (6, 5, 5 / 6)
    clock.advance(wait)
    assert shown() == (6, 5, 5 / 6)
    calls.succeed(circuit)
    assert shown() == (1, 0, None)
    calls.fail(circuit, 2)
    assert shown() == (3, 2, 2 / 3)
    circuit.reset()
    assert shown() == (0, 0, None)


def test_half_open_opens_as_soon_as_it_cannot_close_any_more(
    exact: System, clock: ManualClock, calls: Calls
) -> None:
    """With three places and two successes asked, the second failure decides."""
    circuit = exact.circuits.get("it")
    clock.advance(calls.trip(circuit))

    calls.fail(circuit)
    assert circuit.state == "half_open"
    calls.fail(circuit)

    assert circuit.state == "open"


@pytest.mark.parametrize(("given", "kept"), [({}, 30.0), ({"half_open_timeout": 4}, 4.0)])
def test_a_trial_keeps_its_place_for_the_half_open_timeout(
    exact: System, clock: ManualClock, calls: Calls, given: dict[str, float], kept: float
) -> None:
    """By default for `reset_timeout`; until then the rejection says how long."""
    circuit = exact.circuits.get("it", half_open_calls=1, success_threshold=1, **given)
    clock.advance(calls.trip(circuit))

    with circuit:
        assert circuit.snapshot().retry_after == kept
        clock.advance(kept / 2)
        assert not calls.passes(circuit)
        clock.advance(kept / 2)
        assert calls.passes(circuit)


def test_new_trial_rules_begin_the_trials_anew(
    exact: System, clock: ManualClock, calls: Calls
) -> None:
    """Two successes and a failure of five would fill three places, and decide nothing for ever."""
    circuit = exact.circuits.get("it", half_open_calls=5, success_threshold=4)
    clock.advance(calls.trip(circuit))
    calls.succeed(circuit, 2)
    calls.fail(circuit)

    exact.configure({"circuits": {"it": {"half_open_calls": 3, "success_threshold": 3}}})
    assert circuit.state == "half_open"
    calls.succeed(circuit, 3)

    assert circuit.state == "closed"


def test_other_settings_leave_trials_alone(exact: System, clock: ManualClock, calls: Calls) -> None:
    """A reload in the middle of a recovery does not set it back."""
    circuit = exact.circuits.get("it")
    clock.advance(calls.trip(circuit))
    calls.succeed(circuit)

    exact.configure({"circuits": {"it": {"failure_rate": 0.9}}})
    calls.succeed(circuit)

    assert circuit.state == "closed"


@pytest.mark.parametrize(("after", "share"), [(0, 0.1), (25, 0.325), (50, 0.55), (75, 0.775)])
def test_a_ramp_admits_a_growing_share(
    system: System, clock: ManualClock, calls: Calls, after: float, share: float
) -> None:
    """From a tenth at closing to all at the end; of 2,000 calls within 3 %."""
    circuit = system.circuits.get("it", ramp=100.0)
    calls.trip(circuit)
    recover(circuit, clock, calls)
    clock.advance(after)

    admitted = sum(calls.passes(circuit) for _ in range(2000))

    assert admitted / 2000 == pytest.approx(share, abs=0.03)
    assert circuit.snapshot().retry_after == 100.0 - after


def test_after_the_ramp_all_calls_pass(system: System, clock: ManualClock, calls: Calls) -> None:
    """So do all calls of a circuit that never opened."""
    circuit = system.circuits.get("it", ramp=100.0)
    calls.succeed(circuit, 100)
    calls.trip(circuit)
    recover(circuit, clock, calls)

    clock.advance(100.0)

    calls.succeed(circuit, 100)
    assert circuit.snapshot().retry_after == 0.0


def test_a_circuit_that_ramped_counts_what_passed(
    system: System, clock: ManualClock, calls: Calls
) -> None:
    """Calls during the ramp are in the window, and the first failure after them is judged."""
    circuit = system.circuits.get("it", ramp=100.0, failure_threshold=1)
    calls.trip(circuit)
    recover(circuit, clock, calls)
    clock.advance(99.0)

    admitted = sum(calls.passes(circuit) for _ in range(20))
    assert circuit.snapshot().calls == admitted > 0
    clock.advance(1.0)
    calls.fail(circuit, admitted)

    assert circuit.state == "open"
