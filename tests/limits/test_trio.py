"""Guards in tasks of trio's, which Starlette runs on too."""

import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest

from resilience import BulkheadFullError, DeadlineExceededError, System

trio: Any = pytest.importorskip("trio", reason="trio is not installed")

LONG = 30.0  # seconds; nothing here takes that long


@pytest.fixture
def system() -> System:
    """Give a system on the machine's clock, as trio's own is."""
    return System()


def test_retries_wait_on_its_clock(system: System) -> None:
    """The error that is raised in the end is the function's own."""
    calls = []

    @system.retry(attempts=3, initial_delay=0.001)
    async def broken() -> None:
        calls.append(trio.lowlevel.current_task())
        raise ConnectionError("down")

    with pytest.raises(ConnectionError, match="down"):
        trio.run(broken)
    assert len(calls) == 3


def test_what_takes_too_long_is_cancelled(system: System) -> None:
    """What is done in time is not; and a cancellation from outside stays one."""

    @system.timeout(LONG)
    async def quick() -> str:
        await trio.sleep(0)
        return "done"

    @system.timeout(0.01)
    async def slow() -> None:
        await trio.sleep_forever()

    async def cancelled(call: Callable[[], Awaitable[Any]]) -> bool:
        with trio.move_on_after(0.01) as scope:
            await call()
        return bool(scope.cancelled_caught)

    assert trio.run(quick) == "done"
    with pytest.raises(DeadlineExceededError):
        trio.run(slow)
    assert trio.run(cancelled, system.timeout(LONG)(trio.sleep_forever))


def test_each_step_of_an_async_generator_is_timed(system: System) -> None:
    """Its reader may do what it likes in between."""

    @system.timeout(0.2)
    async def items() -> AsyncGenerator[int, None]:
        yield 1
        await trio.sleep_forever()

    async def read() -> None:
        run = items()
        assert await anext(run) == 1
        await anext(run)

    with pytest.raises(DeadlineExceededError):
        trio.run(read)


def test_tasks_and_threads_wait_for_places_in_one_queue(system: System) -> None:
    """Whoever waits gets the place that comes back, or is turned away when its time is up."""
    bulkhead = system.bulkheads.get("it", limit=1, max_wait=LONG)
    impatient = system.bulkheads.get("impatient", limit=1, max_wait=0.01)
    turns: list[str] = []

    async def hold(name: str) -> None:
        async with bulkhead:
            turns.append(name)
            await trio.sleep(0)

    async def main() -> None:
        with bulkhead, impatient:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(hold, "first")
                nursery.start_soon(hold, "second")
                with pytest.raises(BulkheadFullError):
                    await impatient.take_async()
                with trio.move_on_after(0.01):
                    await bulkhead.take_async()
                threading.Thread(target=bulkhead.give_back).start()
        bulkhead.take()  # for the block above, whose place the thread gave back

    trio.run(main)
    assert sorted(turns) == ["first", "second"]


def test_the_engine_runs_beside_it(system: System) -> None:
    """In a thread, and stops without holding up the tasks."""

    async def main() -> str | None:
        async with system:
            return system.runtime.engine.running

    assert trio.run(main) == "thread"
    assert system.runtime.engine.running is None


def test_starlette_runs_on_it(system: System) -> None:
    """Its lifespan, its errors and a stream."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import StreamingResponse
    from starlette.routing import Route
    from starlette.testclient import TestClient

    from resilience_starlette import Resilience

    @system.circuit("up")
    async def up() -> AsyncGenerator[str, None]:
        for each in "123":
            await trio.sleep(0)
            yield each

    @system.timeout(0.01)
    async def slow(request: Request) -> None:
        await trio.sleep_forever()

    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(up())

    app = Starlette(routes=[Route("/stream", stream), Route("/slow", slow)])
    Resilience(app, system=system)
    with TestClient(app, backend="trio", raise_server_exceptions=False) as client:
        assert system.runtime.engine.running == "thread"
        assert client.get("/stream").text == "123"
        assert client.get("/slow").status_code == 504
        assert client.get("/health/live").status_code == 200
    assert system.runtime.engine.running is None


def test_trio_that_is_only_loaded_changes_nothing(system: System) -> None:
    """Tasks of asyncio are asyncio's."""
    import asyncio

    assert "trio" in sys.modules

    @system.retry(attempts=2, initial_delay=0.001)
    @system.timeout(0.01)
    async def slow() -> None:
        await asyncio.sleep(LONG)

    with pytest.raises(DeadlineExceededError):
        asyncio.run(slow())
