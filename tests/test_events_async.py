"""Async receivers of events: on the loop that runs, else where the system runs them."""

import asyncio
import gc
import threading
import warnings

import pytest

from resilience import Circuit, Event, System, signals
from tests.test_events import connected


@pytest.fixture
def circuit(system: System) -> Circuit:
    """Give a circuit."""
    return system.circuits.get("it")


def test_an_async_receiver_runs_on_the_running_loop(system: System, circuit: Circuit) -> None:
    """As a task of its own: the call does not wait for it."""
    heard = []

    async def receiver(event: Event) -> None:
        await asyncio.sleep(0)
        heard.append(event.type)

    async def main() -> None:
        circuit.force_open()
        assert heard == []
        gc.collect()
        for _ in range(3):
            await asyncio.sleep(0)
        assert heard == ["circuit_forced"]

    system.on_event(receiver)
    asyncio.run(main())


def test_an_async_receiver_of_a_signal_runs_too(circuit: Circuit) -> None:
    """Blinker itself would need `send_async`."""
    heard = []

    async def receiver(name: str, event: Event) -> None:
        heard.append(name)

    async def main() -> None:
        circuit.force_open()
        await asyncio.sleep(0)

    with connected(signals.circuit_forced, receiver):
        asyncio.run(main())

    assert heard == ["it"]


def test_an_async_receiver_that_fails_is_logged(
    system: System, circuit: Circuit, caplog: pytest.LogCaptureFixture
) -> None:
    """Not left to the loop's complaint about a task nobody asked."""

    async def failing(event: Event) -> None:
        raise LookupError("the receiver's own")

    async def main() -> None:
        circuit.force_open()
        await asyncio.sleep(0)

    system.on_event(failing)
    asyncio.run(main())

    assert [record.name for record in caplog.records] == ["resilience"]
    assert "the receiver's own" in caplog.text


def test_an_async_receiver_without_a_loop_runs_elsewhere(system: System, circuit: Circuit) -> None:
    """Plain threads have no loop: the system runs it off the caller's thread."""
    heard, done = [], threading.Event()

    async def receiver(event: Event) -> None:
        await asyncio.sleep(0)
        heard.append((event.type, threading.current_thread().name))
        done.set()

    system.on_event(receiver)
    circuit.force_open()

    assert done.wait(20)
    assert heard == [("circuit_forced", "resilience-loop")]


def test_a_loop_that_ends_before_a_receiver_began_says_nothing(
    system: System, circuit: Circuit
) -> None:
    """The receiver is dropped, as any task is that the end of a loop cancels."""

    async def receive(event: Event) -> None:
        pass

    async def busy() -> None:
        while True:
            circuit.force_open()
            circuit.release()
            await asyncio.sleep(0)

    async def main() -> None:
        system.on_event(receive)
        busy_one = asyncio.create_task(busy())
        await asyncio.sleep(0)
        assert not busy_one.done()

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        asyncio.run(main())
        gc.collect()

    assert [str(each.message) for each in said] == []
