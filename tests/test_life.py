"""The life of a system: begun and ended by itself, by blocks, by an app's loop."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from resilience import System
from resilience.testing import ManualClock

LIMIT = 30.0  # seconds; what should happen at once is waited for no longer


@pytest.fixture
def real() -> Iterator[System]:
    """Give a system on the machine's clock."""
    system = System()
    yield system
    system.stop()


def state_of(system: System) -> tuple[str | None, bool]:
    """Return what drives it, and whether it is leaving."""
    return system.runtime.engine.running, system.stopping


def test_a_block_begins_and_ends_it(real: System) -> None:
    """In a thread, where no loop runs; afterwards the worker is not ready any more."""
    done = threading.Event()
    real.runtime.engine.every(60, done.set, name="it")

    with real as entered:
        assert entered is real
        assert real.runtime.engine.running == "thread"
        assert done.wait(LIMIT)
        assert real.stopping is False

    assert state_of(real) == (None, True)


def test_an_async_block_runs_it_on_the_loop(real: System) -> None:
    """And drains without holding up the loop."""
    drained = []

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def farewell() -> None:
            ran = threading.Event()
            loop.call_soon_threadsafe(ran.set)
            drained.append(ran.wait(LIMIT))

        real.runtime.engine.at_stop(farewell)
        async with real as entered:
            assert entered is real
            assert real.runtime.engine.running == "task"
        assert state_of(real) == (None, True)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())

    assert drained == [True]


def test_a_block_that_fails_ends_it_too(real: System) -> None:
    """The error is the block's own."""

    async def main() -> None:
        async with real:
            raise LookupError("the block's own")

    with pytest.raises(LookupError, match="the block's own"):
        asyncio.run(main())
    assert real.runtime.engine.running is None

    with pytest.raises(LookupError, match="again"), real:
        raise LookupError("again")
    assert real.runtime.engine.running is None


def test_started_inside_a_loop_it_is_a_task_on_it(real: System) -> None:
    """A plain block in async code too."""

    async def main() -> None:
        with real:
            assert real.runtime.engine.running == "task"
        real.start()
        assert real.runtime.engine.running == "task"

    asyncio.run(main())

    assert real.runtime.engine.running is None  # it ended with its loop


def test_it_may_begin_again(real: System) -> None:
    """As tests and reloads do; it is ready again."""
    for _ in range(3):
        with real:
            assert state_of(real) == ("thread", False)


def test_a_request_brings_it_back_after_its_loop_ended(real: System) -> None:
    """Whoever started it on a loop that was not the app's."""

    async def main() -> None:
        real.start()
        await asyncio.sleep(0)

    asyncio.run(main())
    assert real.runtime.engine.running is None

    real.ensure()

    assert real.runtime.engine.running == "thread"


def test_stopped_it_does_not_come_back_by_requests(real: System) -> None:
    """Those that are still under way."""
    real.start()
    real.stop()

    real.ensure()

    assert real.runtime.engine.running is None


def test_on_a_manual_clock_only_ticks_move_it(system: System, clock: ManualClock) -> None:
    """Blocks, requests and `start` are allowed, and do nothing in the background."""
    before = threading.active_count()
    done: list[Any] = []
    system.runtime.engine.every(10, lambda: done.append(None), name="it", first=5)

    with system:
        system.ensure()
        clock.advance(10)
        assert system.runtime.engine.running is None
        assert threading.active_count() == before
        system.tick()

    assert len(done) == 1


def test_two_systems_have_an_engine_each(real: System) -> None:
    """Ending one leaves the other."""
    other = System()
    with real, other:
        other.stop()
        assert (real.runtime.engine.running, other.runtime.engine.running) == ("thread", None)
