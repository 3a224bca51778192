"""Peers' flaw at the moment of half-open: more trial calls get through than may."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest

from resilience import Circuit, CircuitOpenError, System

CircuitMove = Callable[[Circuit], None]
PATIENCE = 10.0  # seconds after which a thread that should have ended makes the test fail


@pytest.mark.usefixtures("fast_switching")
@pytest.mark.parametrize("places", [1, 3])
@pytest.mark.parametrize("attempt", range(5))
def test_of_20_threads_only_the_allowed_trials_get_through(
    system: System, trip: CircuitMove, due: CircuitMove, places: int, attempt: int
) -> None:
    """The first `places` threads run the call, all others are rejected at once."""
    circuit = system.circuits.get(
        "upstream", half_open_calls=places, success_threshold=places, reset_timeout=10.0
    )
    trip(circuit)
    due(circuit)
    together, release = threading.Barrier(20), threading.Event()
    outcomes: queue.Queue[str] = queue.Queue()

    def trial() -> str:
        assert release.wait(PATIENCE)
        return "answered"

    def caller() -> None:
        together.wait(PATIENCE)
        try:
            outcomes.put(circuit.call(trial))
        except CircuitOpenError:
            outcomes.put("rejected")

    threads = [threading.Thread(target=caller, daemon=True) for _ in range(20)]
    for thread in threads:
        thread.start()
    rejected = [outcomes.get(timeout=PATIENCE) for _ in range(20 - places)]
    release.set()
    answered = [outcomes.get(timeout=PATIENCE) for _ in range(places)]

    assert ["rejected"] * (20 - places) == rejected
    assert ["answered"] * places == answered
    assert circuit.state == "closed"


@pytest.mark.parametrize("places", [1, 3])
def test_of_20_tasks_only_the_allowed_trials_get_through(
    system: System, trip: CircuitMove, due: CircuitMove, places: int
) -> None:
    """The first `places` tasks run the call, all others are rejected at once."""
    running = 0

    @system.circuit("upstream", half_open_calls=places, success_threshold=places)
    async def call(release: asyncio.Event) -> str:
        nonlocal running
        running += 1
        await release.wait()
        return "answered"

    circuit = system.circuits["upstream"]
    trip(circuit)
    due(circuit)

    async def main() -> list[Any]:
        release = asyncio.Event()
        tasks = [asyncio.create_task(call(release)) for _ in range(20)]
        for _ in range(3):
            await asyncio.sleep(0)
        assert places == running == sum(not task.done() for task in tasks)
        release.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(main())

    assert places == outcomes.count("answered")
    assert 20 - places == sum(type(outcome) is CircuitOpenError for outcome in outcomes)
    assert circuit.state == "closed"
