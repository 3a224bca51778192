"""Peers' flaws with trial calls: stuck, cancelled, interrupted and ignored ones."""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import pytest

from resilience import Circuit, CircuitOpenError, System
from resilience.testing import ManualClock

CircuitMove = Callable[[Circuit], None]
Begin = Callable[[Circuit], Any]
ONE = {"half_open_calls": 1, "success_threshold": 1, "reset_timeout": 10.0}
PATIENCE = 10.0  # seconds after which a thread that should have ended makes the test fail


@pytest.fixture
def circuit(system: System, trip: CircuitMove, due: CircuitMove) -> Circuit:
    """Give a circuit that will take one trial call at the next moment."""
    made = system.circuits.get("upstream", **ONE)
    trip(made)
    due(made)
    return made


def test_a_task_whose_trial_never_returns_does_not_block_recovery(
    circuit: Circuit, begin: Begin, clock: ManualClock
) -> None:
    """After `half_open_timeout` the next call is a trial, and the stuck one's end is ignored."""
    stuck = begin(circuit)
    with pytest.raises(CircuitOpenError):
        circuit.call(int)

    clock.advance(10.001)
    assert circuit.call(int) == 0
    assert circuit.state == "closed"

    stuck.fail(OSError())
    assert circuit.state == "closed"
    assert circuit.snapshot().failures == 0


def test_a_thread_whose_trial_never_returns_does_not_block_recovery(
    circuit: Circuit, clock: ManualClock
) -> None:
    """A thread that hangs in its trial keeps the place for `half_open_timeout` seconds only."""
    inside, release = threading.Event(), threading.Event()

    def hang() -> None:
        inside.set()
        assert release.wait(PATIENCE)
        raise ConnectionResetError

    def caller() -> None:
        with pytest.raises(ConnectionResetError):
            circuit.call(hang)

    thread = threading.Thread(target=caller, daemon=True)
    thread.start()
    assert inside.wait(PATIENCE)
    with pytest.raises(CircuitOpenError):
        circuit.call(int)

    clock.advance(10.001)
    assert circuit.call(int) == 0
    release.set()
    thread.join(PATIENCE)
    assert circuit.state == "closed"
    assert circuit.snapshot().failures == 0


def test_a_trial_that_is_late_beyond_its_time_closes_nothing(
    circuit: Circuit, begin: Begin, clock: ManualClock
) -> None:
    """The success of a trial that lost its place does not close the circuit."""
    stuck = begin(circuit)
    clock.advance(10.001)
    second = begin(circuit)

    stuck.succeed()

    assert circuit.state == "half_open"
    second.fail(OSError())
    assert circuit.state == "open"


def test_a_cancelled_trial_gives_its_place_back(circuit: Circuit) -> None:
    """A trial task that is cancelled neither closes nor opens the circuit, nor blocks it."""

    async def main() -> None:
        trial = asyncio.create_task(circuit.call_async(asyncio.Event().wait))
        await asyncio.sleep(0)
        assert circuit.state == "half_open"
        trial.cancel()
        with pytest.raises(asyncio.CancelledError):
            await trial
        assert circuit.state == "half_open"
        assert await circuit.call_async(int_async) == 0

    asyncio.run(main())
    assert circuit.state == "closed"


async def int_async() -> int:
    """Answer 0."""
    return 0


def test_an_abandoned_trial_coroutine_gives_its_place_back(circuit: Circuit, begin: Begin) -> None:
    """A trial whose coroutine is closed, as at a loop's end, frees its place."""
    trial = begin(circuit)

    trial.abandon()

    assert circuit.state == "half_open"
    assert circuit.call(int) == 0
    assert circuit.state == "closed"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_trial_that_is_interrupted_gives_its_place_back(
    circuit: Circuit, error: type[BaseException]
) -> None:
    """Ctrl-C and the like during a trial say nothing about the upstream."""

    def interrupted() -> None:
        raise error

    with pytest.raises(error):
        circuit.call(interrupted)

    assert circuit.state == "half_open"
    assert circuit.call(int) == 0
    assert circuit.state == "closed"


def test_an_ignored_error_in_half_open_closes_nothing(
    system: System, trip: CircuitMove, due: CircuitMove
) -> None:
    """An excluded exception is no answer of the upstream: the trial's place is free again."""
    circuit = system.circuits.get("upstream", ignore=LookupError, **ONE)
    trip(circuit)
    due(circuit)

    for _ in range(5):
        with pytest.raises(KeyError):
            circuit.call(os.environ.__getitem__, "no such variable")
        assert circuit.state == "half_open"

    assert circuit.call(int) == 0
    assert circuit.state == "closed"


def test_a_rejection_by_an_inner_circuit_is_no_trial_result(
    circuit: Circuit, system: System, trip: CircuitMove
) -> None:
    """A trial that never reached the upstream, for an inner circuit is open, is given back."""
    inner = system.circuits.get("inner", **ONE)
    trip(inner)

    with pytest.raises(CircuitOpenError):
        circuit.call(inner.call, int)

    assert circuit.state == "half_open"
    assert circuit.call(int) == 0
    assert circuit.state == "closed"


def numbers(count: int) -> Generator[int, None, None]:
    """Give some numbers."""
    yield from range(count)


async def numbers_async(count: int) -> AsyncGenerator[int, None]:
    """Give some numbers."""
    for number in range(count):
        yield number


def test_a_trial_generator_that_is_left_early_gives_its_place_back(
    system: System, trip: CircuitMove, due: CircuitMove
) -> None:
    """A half-read stream in half-open does not block the next trial."""
    stream = system.circuit("stream", half_open_calls=1, success_threshold=1)(numbers)
    circuit = system.circuits["stream"]
    trip(circuit)
    due(circuit)
    half_read = stream(3)
    next(half_read)
    with pytest.raises(CircuitOpenError):
        circuit.call(int)

    half_read.close()

    assert circuit.call(int) == 0
    assert circuit.state == "closed"


def test_a_trial_async_generator_that_is_left_early_gives_its_place_back(
    system: System, trip: CircuitMove, due: CircuitMove
) -> None:
    """The same with `aclose`."""
    stream = system.circuit("stream", half_open_calls=1, success_threshold=1)(numbers_async)
    circuit = system.circuits["stream"]
    trip(circuit)
    due(circuit)

    async def main() -> None:
        half_read = stream(3)
        await anext(half_read)
        with pytest.raises(CircuitOpenError):
            circuit.call(int)
        await half_read.aclose()

    asyncio.run(main())
    assert circuit.call(int) == 0
    assert circuit.state == "closed"


def test_a_trial_that_is_never_awaited_gives_its_place_back(circuit: Circuit) -> None:
    """A plain function made the coroutine, and its task was cancelled before it began."""

    async def ask() -> int:
        return 1

    async def main() -> None:
        task = asyncio.create_task(circuit.call(ask))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with pytest.warns(RuntimeWarning, match="never awaited"):
        asyncio.run(main())

    assert asyncio.run(circuit.call(ask)) == 1
    assert circuit.state == "closed"
