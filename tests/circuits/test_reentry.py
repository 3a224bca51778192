"""A circuit that its own thread asks again amid a decision: what is collected then, or a handler.

It must neither wait for itself, nor decide twice.
"""

import asyncio
import gc
import signal
import threading
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import ExitStack
from random import Random
from typing import Any

import pytest

from resilience import Circuit, Event, System, circuit_of
from resilience.core import entered
from resilience.testing import ManualClock

LIMIT = 30.0  # seconds; what would hang is waited for no longer


class Interrupted(ManualClock):
    """A clock that lets something happen when the circuit asks it, with its lock held."""

    def __init__(self) -> None:
        super().__init__()
        self.then: Callable[[], object] = bool

    def time(self) -> float:
        """Return the time, when it has happened."""
        self.then()
        return super().time()


class Drawn(Random):
    """Chance that lets something happen when it is drawn: with the lock held."""

    then: Callable[[], object] = bool

    def random(self) -> float:
        """Return 0, when it has happened."""
        self.then()
        return 0.0


@pytest.fixture(autouse=True)
def _by_hand() -> Iterator[None]:
    """Collect nothing but when a test says so."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def clock() -> Interrupted:
    """Give a clock at whose asking things happen."""
    return Interrupted()


def in_time(act: Callable[[], object]) -> None:
    """Do it in a thread that a hang does not hold the others up with."""
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(LIMIT)
    assert not thread.is_alive(), "it waits for itself"


def fail(circuit: Circuit, times: int = 1) -> None:
    """Let calls fail."""
    for _ in range(times):
        with pytest.raises(ZeroDivisionError):
            circuit.call(divmod, 1, 0)


def lose(running: object) -> None:
    """Leave it to the collector."""
    ring = [running]
    ring.append(ring)


async def forever() -> None:
    """Wait."""
    await asyncio.Future()


def begun(coroutine: Coroutine[Any, Any, Any]) -> Coroutine[Any, Any, Any]:
    """Return a coroutine that waits, and whose loop is gone."""
    loop = asyncio.new_event_loop()

    async def main() -> None:
        coroutine.send(None)

    loop.run_until_complete(main())
    loop.close()
    return coroutine


def generator(system: System) -> object:
    """Return a guarded generator amid its items."""

    @system.circuit("it")
    def items() -> Generator[int]:
        yield 1

    running = items()
    next(running)
    return running


def coroutine(system: System) -> object:
    """Return a guarded coroutine that waits."""
    return begun(system.circuit("it")(forever)())


def block(system: System) -> object:
    """Return a generator that is inside a block."""

    def items() -> Generator[int]:
        with system.circuits.get("it"):
            yield 1

    running = items()
    next(running)
    return running


@pytest.mark.parametrize("running", [generator, coroutine, block])
def test_a_call_may_be_collected_amid_a_decision(
    clock: Interrupted, running: Callable[[System], object]
) -> None:
    """That of the thread which decides, as garbage is collected wherever something is made."""
    system = System(clock=clock)
    lose(running(system))
    circuit = system.circuits["it"]
    heard: list[Event] = []
    system.on_event(heard.append)
    fail(circuit, 4)

    clock.then = gc.collect
    in_time(lambda: fail(circuit))

    assert [each.type for each in heard] == ["circuit_opened"]
    assert circuit.totals() == (5, 5, 0, 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_failure_amid_a_decision_counts_when_that_is_made() -> None:
    """Here what is collected fails while it cleans up."""
    clock, chance = ManualClock(), Drawn()
    system = System(clock=clock, random=chance)

    @system.circuit("it", ramp=60.0, failure_threshold=2)
    async def call() -> None:
        try:
            await forever()
        finally:
            raise OSError("no way to close it")

    circuit = circuit_of(call)
    fail(circuit, 2)
    clock.advance(60)
    circuit.call(int), circuit.call(int)
    lose(begun(call()))

    chance.then = gc.collect
    in_time(lambda: circuit.call(int))
    chance.then = bool
    in_time(lambda: circuit.call(int))

    assert (circuit.snapshot().calls, circuit.snapshot().failures) == (3, 1)


def test_a_trial_that_is_collected_amid_a_decision_gives_its_place_back(
    clock: Interrupted,
) -> None:
    """With the next call."""
    system = System(clock=clock)
    circuit = system.circuits.get("it", half_open_calls=1, success_threshold=1)
    fail(circuit, 5)
    clock.advance(40)
    lose(block(system))
    circuit._lock.acquire()  # a decision is being made

    gc.collect()
    circuit._lock.release()

    assert circuit.call(int) == 0
    assert circuit.state == "closed"


def test_a_block_may_be_collected_while_another_is_left(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each gives back what it took."""
    circuit = system.circuits.get("it")
    lose(block(system))
    runner = entered._runner
    with ExitStack() as stack:
        stack.enter_context(circuit)
        monkeypatch.setattr(entered, "_runner", lambda: (gc.collect(), runner())[1])
        in_time(stack.close)

    assert circuit.totals() == (1, 0, 0, 0)


def test_a_signals_handler_may_call_amid_a_decision(clock: Interrupted) -> None:
    """As those of servers do, that are told to end."""
    circuit = System(clock=clock).circuits.get("it")
    handled = []

    def handler(*_: object) -> None:
        clock.then = bool
        handled.append(circuit.call(int))

    def too_late(*_: object) -> None:
        raise AssertionError("it waits for itself")

    before = signal.signal(signal.SIGUSR1, handler), signal.signal(signal.SIGALRM, too_late)
    fail(circuit, 4)
    clock.then = lambda: signal.raise_signal(signal.SIGUSR1)
    try:
        signal.setitimer(signal.ITIMER_REAL, LIMIT)
        fail(circuit)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGUSR1, before[0])
        signal.signal(signal.SIGALRM, before[1])

    assert (handled, circuit.state) == ([0], "open")
