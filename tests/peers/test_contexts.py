"""Peers' flaws with where a call runs: across contexts and threads, and under a held lock."""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
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


def dependency(circuit: Circuit) -> Generator[str, None, None]:
    """Give a resource while inside the circuit, as a FastAPI dependency does."""
    with circuit:
        yield "resource"


def test_a_block_may_be_left_in_another_context(circuit: Circuit, clock: ManualClock) -> None:
    """FastAPI enters a sync dependency in one context and leaves it in another."""
    entering, leaving = contextvars.Context(), contextvars.Context()

    for _ in range(3):
        resource = dependency(circuit)
        assert entering.run(next, resource) == "resource"
        assert leaving.run(next, resource, "end") == "end"

    assert (circuit.snapshot().calls, circuit.snapshot().failures) == (3, 0)


def test_a_block_may_be_left_in_another_thread(circuit: Circuit) -> None:
    """A failure in the thread that leaves is a failure of the call that another thread began."""
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as two:
        for _ in range(5):
            resource = dependency(circuit)
            assert one.submit(next, resource).result() == "resource"
            with pytest.raises(OSError, match="down"):
                two.submit(resource.throw, OSError("down")).result()

    assert circuit.state == "open"


def test_a_trial_block_left_in_another_thread_closes_the_circuit(
    circuit: Circuit, trip: CircuitMove, due: CircuitMove
) -> None:
    """The permit travels with the block, not with the thread."""
    trip(circuit)
    due(circuit)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as two:
        resource = dependency(circuit)
        one.submit(next, resource).result()
        assert circuit.state == "half_open"
        two.submit(next, resource, None).result()

    assert circuit.state == "closed"


def stacked(circuit: Circuit) -> Iterator[str]:
    """Give a resource inside the circuit, entered by way of an ExitStack."""
    stack = ExitStack()
    stack.enter_context(circuit)
    yield "resource"
    stack.close()


@pytest.mark.parametrize("block", [dependency, stacked])
def test_an_old_block_does_not_settle_another_threads_trial(
    circuit: Circuit,
    trip: CircuitMove,
    due: CircuitMove,
    block: Callable[[Circuit], Iterator[str]],
) -> None:
    """Two threads inside one circuit: the older block is left, and the trial goes on."""
    old, trial = block(circuit), block(circuit)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as two:
        one.submit(next, old).result()
        trip(circuit)
        due(circuit)
        two.submit(next, trial).result()
        assert circuit.state == "half_open"

        one.submit(next, old, None).result()
        assert circuit.state == "half_open"
        two.submit(next, trial, None).result()
        assert circuit.state == "closed"


def test_blocks_of_one_thread_may_be_left_in_any_order(
    circuit: Circuit, trip: CircuitMove, due: CircuitMove
) -> None:
    """Two suspended generators hold a block each: the older one is left first."""
    old, trial = dependency(circuit), dependency(circuit)
    next(old)
    trip(circuit)
    due(circuit)
    next(trial)

    next(old, None)
    assert circuit.state == "half_open"
    next(trial, None)
    assert circuit.state == "closed"


def test_an_old_block_does_not_settle_another_tasks_trial(
    circuit: Circuit, trip: CircuitMove, due: CircuitMove
) -> None:
    """The same with two tasks and `async with`."""

    async def main() -> None:
        release_old, release_trial = asyncio.Event(), asyncio.Event()

        async def block(release: asyncio.Event) -> None:
            async with circuit:
                await release.wait()

        old = asyncio.create_task(block(release_old))
        await asyncio.sleep(0)
        trip(circuit)
        due(circuit)
        trial = asyncio.create_task(block(release_trial))
        await asyncio.sleep(0)
        assert circuit.state == "half_open"
        release_old.set()
        await old
        assert circuit.state == "half_open"
        release_trial.set()
        await trial
        assert circuit.state == "closed"

    asyncio.run(main())


def test_nested_blocks_of_one_circuit_are_counted_each(circuit: Circuit) -> None:
    """Entering twice and leaving twice are two calls."""
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(circuit)

    assert circuit.snapshot().calls == 4


def test_a_rejected_block_leaves_nothing_behind(
    circuit: Circuit, trip: CircuitMove, due: CircuitMove
) -> None:
    """A block that was not entered is not left: later blocks settle their own permits."""
    trip(circuit)
    for _ in range(5):
        with pytest.raises(CircuitOpenError), circuit:
            pytest.fail("the block ran")

    due(circuit)
    with circuit:
        assert circuit.state == "half_open"
    assert circuit.state == "closed"


def test_no_lock_is_held_while_the_call_runs(circuit: Circuit) -> None:
    """Ten threads are inside at once, and meanwhile the circuit answers everybody."""
    inside = threading.Barrier(11)

    def call() -> None:
        inside.wait(PATIENCE)  # breaks, and the call fails, unless all ten are in

    with ThreadPoolExecutor(10) as threads:
        calls = [threads.submit(circuit.call, call) for _ in range(10)]
        assert circuit.snapshot().state == "closed"
        with pytest.raises(ZeroDivisionError):
            circuit.call(divmod, 1, 0)
        inside.wait(PATIENCE)
        for each in calls:
            each.result(PATIENCE)

    assert (circuit.snapshot().calls, circuit.snapshot().failures) == (11, 1)


def test_no_lock_is_held_while_a_trial_runs(
    circuit: Circuit, trip: CircuitMove, due: CircuitMove
) -> None:
    """During a trial others are rejected at once, also from inside the trial itself."""
    trip(circuit)
    due(circuit)

    def trial() -> str:
        with ThreadPoolExecutor(1) as other, pytest.raises(CircuitOpenError):
            other.submit(circuit.call, int).result(PATIENCE)
        with pytest.raises(CircuitOpenError):
            circuit.call(int)
        return circuit.snapshot().state

    assert circuit.call(trial) == "half_open"
    assert circuit.state == "closed"


def test_no_lock_is_held_while_events_are_received(system: System, circuit: Circuit) -> None:
    """A receiver may use the circuit whose event it gets, from this thread or another."""
    heard: list[tuple[str, str]] = []

    def receive(event: Event) -> None:
        with ThreadPoolExecutor(1) as other:
            snapshot = other.submit(circuit.snapshot).result(PATIENCE)
        heard.append((event.type, snapshot.state))
        if event.type == "circuit_opened":
            circuit.reset()

    unsubscribe = system.on_event(receive)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            circuit.call(divmod, 1, 0)
    unsubscribe()

    assert heard[0] == ("circuit_opened", "open")
    assert circuit.state == "closed"
