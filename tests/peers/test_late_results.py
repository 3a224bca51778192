"""Peers' flaws with calls that end in another state than they began in."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from resilience import Circuit, CircuitOpenError, Event, System
from resilience.testing import ManualClock

CircuitMove = Callable[[Circuit], None]
Begin = Callable[[Circuit], Any]
PATIENCE = 10.0  # seconds after which a thread that should have ended makes the test fail


@pytest.fixture
def circuit(system: System) -> Circuit:
    """Give a closed circuit that takes one trial call when it is half-open."""
    return system.circuits.get(
        "upstream", reset_timeout=10.0, half_open_calls=1, success_threshold=1
    )


@pytest.fixture
def old(circuit: Circuit, begin: Begin) -> list[Any]:
    """Give 20 calls that the circuit admitted while it was closed, still on their way."""
    return [begin(circuit) for _ in range(20)]


def test_a_late_success_during_half_open_closes_nothing(
    circuit: Circuit, old: list[Any], begin: Begin, trip: CircuitMove, due: CircuitMove
) -> None:
    """Only the trial decides: a success admitted while closed is old news."""
    trip(circuit)
    due(circuit)
    trial = begin(circuit)
    assert circuit.state == "half_open"

    for call in old:
        call.succeed()
        assert circuit.state == "half_open"

    trial.fail(OSError())
    assert circuit.state == "open"


def test_a_late_failure_during_half_open_opens_nothing(
    circuit: Circuit, old: list[Any], begin: Begin, trip: CircuitMove, due: CircuitMove
) -> None:
    """A failure admitted while closed cannot spoil the trial."""
    trip(circuit)
    due(circuit)
    trial = begin(circuit)
    assert circuit.state == "half_open"

    for call in old:
        call.fail(OSError())
        assert circuit.state == "half_open"

    trial.succeed()
    assert circuit.state == "closed"


def test_late_failures_do_not_prolong_the_open_time(
    circuit: Circuit,
    old: list[Any],
    clock: ManualClock,
    trip: CircuitMove,
    events: list[Event],
) -> None:
    """Failures of calls admitted before the trip change neither time, count nor generation."""
    trip(circuit)
    before = circuit.snapshot()
    assert before.retry_after is not None

    for second in range(1, 6):
        clock.advance(1.0)
        for _ in range(4):
            old.pop().fail(OSError())
        assert before.retry_after - second == pytest.approx(circuit.snapshot().retry_after)

    after = circuit.snapshot()
    assert (before.generation, before.opened_at) == (after.generation, after.opened_at)
    assert [event.type for event in events] == ["circuit_opened"]


def test_a_late_success_does_not_close_an_open_circuit(
    circuit: Circuit, old: list[Any], trip: CircuitMove
) -> None:
    """Old calls that return while the circuit is open leave it open."""
    trip(circuit)

    for call in old:
        call.succeed()

    assert circuit.state == "open"


def test_late_results_are_not_counted_after_recovery(
    circuit: Circuit, old: list[Any], begin: Begin, trip: CircuitMove, due: CircuitMove
) -> None:
    """A circuit that has closed again begins with an empty window, whatever comes in late."""
    trip(circuit)
    due(circuit)
    assert circuit.call(int) == 0

    for call in old:
        call.fail(OSError())

    assert circuit.state == "closed"
    assert circuit.snapshot().failures == 0


def test_threads_that_end_late_change_nothing(
    circuit: Circuit, begin: Begin, trip: CircuitMove, due: CircuitMove
) -> None:
    """The same with 20 threads: ten late successes, ten late failures, during a trial."""
    all_in, release = threading.Barrier(21), threading.Event()

    def slow(fails: bool) -> None:
        all_in.wait(PATIENCE)
        assert release.wait(PATIENCE)
        if fails:
            raise OSError

    def caller(fails: bool) -> None:
        try:
            circuit.call(slow, fails)
        except OSError:
            assert fails

    threads = [threading.Thread(target=caller, args=(n % 2 == 0,)) for n in range(20)]
    for thread in threads:
        thread.start()
    all_in.wait(PATIENCE)
    trip(circuit)
    due(circuit)
    trial = begin(circuit)
    assert circuit.state == "half_open"
    release.set()
    for thread in threads:
        thread.join(PATIENCE)

    assert circuit.state == "half_open"
    trial.succeed()
    assert circuit.state == "closed"


def test_cancelling_an_unrelated_call_does_not_close_an_open_circuit(
    circuit: Circuit, trip: CircuitMove
) -> None:
    """A call that began before the trip is cancelled while the circuit is open."""

    async def main() -> None:
        old = asyncio.create_task(circuit.call_async(asyncio.Event().wait))
        await asyncio.sleep(0)
        trip(circuit)
        old.cancel()
        with pytest.raises(asyncio.CancelledError):
            await old

    asyncio.run(main())
    assert circuit.state == "open"


def test_cancelling_an_old_call_does_not_free_a_trial_place(
    circuit: Circuit, old: list[Any], begin: Begin, trip: CircuitMove, due: CircuitMove
) -> None:
    """Only a trial's own cancellation gives a place back."""
    trip(circuit)
    due(circuit)
    trial = begin(circuit)

    for call in old:
        call.fail(asyncio.CancelledError())

    with pytest.raises(CircuitOpenError):
        circuit.call(int)
    trial.succeed()
    assert circuit.state == "closed"
