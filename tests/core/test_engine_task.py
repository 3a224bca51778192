"""The engine as a task on the app's own loop, as under ASGI."""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from resilience.clock import SystemClock
from resilience.core.engine import Engine

LIMIT = 30.0  # seconds; what should happen at once is waited for no longer
OFTEN = 0.01


@pytest.fixture
def engine() -> Iterator[Engine]:
    """Give an engine on the machine's clock."""
    engine = Engine(SystemClock(), random.Random(7))
    yield engine
    engine.stop(LIMIT)


class Counted:
    """A duty that counts how often it was done, on the loop."""

    def __init__(self) -> None:
        self._times = asyncio.Semaphore(0)

    def __call__(self) -> None:
        """Count."""
        self._times.release()

    async def happens(self, times: int) -> None:
        """Wait until it was done so often."""
        async with asyncio.timeout(LIMIT):
            for _ in range(times):
                await self._times.acquire()


def test_quick_and_async_duties_run_on_the_loop(engine: Engine) -> None:
    """Those that may wait do not."""
    on_loop: dict[str, bool] = {}

    async def main() -> None:
        done, loop, thread = asyncio.Event(), asyncio.get_running_loop(), threading.get_ident()

        def seen(name: str) -> None:
            on_loop[name] = threading.get_ident() == thread
            if len(on_loop) == 3:
                loop.call_soon_threadsafe(done.set)

        async def act() -> None:
            await asyncio.sleep(0)
            assert asyncio.get_running_loop() is loop
            seen("async")

        engine.every(OFTEN, lambda: seen("quick"), name="quick")
        engine.every(OFTEN, lambda: seen("slow"), name="slow", blocking=True)
        engine.every(OFTEN, act, name="async")
        engine.start()
        assert engine.running == "task"
        async with asyncio.timeout(LIMIT):
            await done.wait()
        await engine.stop_async()

    asyncio.run(main())

    assert on_loop == {"quick": True, "slow": False, "async": True}
    assert engine.running is None


def test_duties_are_done_again_and_again(engine: Engine) -> None:
    """Failures are logged once; news wakes the task."""

    async def main() -> None:
        act = Counted()
        engine.start()
        await asyncio.sleep(0)  # now it naps, having nothing to do
        engine.every(OFTEN, act, name="it")
        await act.happens(3)
        await engine.stop_async()

    asyncio.run(main())


@pytest.mark.parametrize("error", [OSError, SystemExit, asyncio.CancelledError])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_duty_that_fails_ends_neither_the_task_nor_the_app(
    engine: Engine, error: type[BaseException], is_async: bool
) -> None:
    """Whatever it raises."""

    async def main() -> None:
        act = Counted()

        def fail() -> None:
            act()
            raise error("it")

        async def fail_async() -> None:
            fail()

        engine.every(OFTEN, fail_async if is_async else fail, name="failing")
        engine.start()
        await act.happens(2)
        assert engine.running == "task"
        await engine.stop_async()

    asyncio.run(main())


def test_a_duty_that_hangs_on_the_loop_costs_nothing_else(engine: Engine) -> None:
    """An async one, that is; it is cancelled when the engine stops."""
    ended = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def main() -> None:
        act = Counted()
        engine.every(OFTEN, hang, name="hanging")
        engine.every(OFTEN, act, name="it")
        task = asyncio.create_task(engine.run())
        await act.happens(3)
        engine.stop(0.0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert ended == ["cancelled"]


def test_it_takes_over_from_a_thread(engine: Engine) -> None:
    """A request before the app's lifespan began it there."""
    act_done = threading.Event()
    engine.every(OFTEN, act_done.set, name="it")
    engine.ensure()
    assert act_done.wait(LIMIT)
    driver: Any = engine._driver

    async def main() -> None:
        act_done.clear()
        engine.start()
        assert engine.running == "task"
        assert await asyncio.to_thread(act_done.wait, LIMIT)
        await asyncio.to_thread(driver._thread.join, LIMIT)
        assert not driver._thread.is_alive()
        engine.ensure()
        assert engine.running == "task"
        await engine.stop_async()

    asyncio.run(main())


def test_where_a_task_runs_it_a_second_returns_at_once(engine: Engine) -> None:
    """On the same loop and on another; the first goes on."""
    second_returned = []

    def elsewhere() -> None:
        asyncio.run(engine.run())
        second_returned.append(engine.running)

    async def main() -> None:
        engine.start()
        engine.start()
        await engine.run()
        await asyncio.to_thread(elsewhere)
        assert engine.running == "task"
        await engine.stop_async()

    asyncio.run(main())

    assert second_returned == ["task"]


def test_cancelled_it_drains_what_is_queued(engine: Engine) -> None:
    """A lifespan that only cancels its task loses nothing: off the loop, which goes on."""
    said = []

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def farewell() -> None:
            ran = threading.Event()
            loop.call_soon_threadsafe(ran.set)
            said.append(ran.wait(LIMIT))

        engine.at_stop(farewell)
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert said == [True]

    engine.at_exit()  # nothing is owed any longer
    assert said == [True]


def test_a_loop_that_ends_with_the_task_on_it_drains_too(engine: Engine) -> None:
    """`asyncio.run` cancels what is left."""
    said: list[str] = []
    engine.at_stop(lambda: said.append("drained"))

    async def main() -> None:
        engine.start()
        await asyncio.sleep(0)

    asyncio.run(main())

    assert said == ["drained"]
    assert engine.running is None


def test_after_a_loop_that_closed_without_a_word_a_request_begins_a_thread(engine: Engine) -> None:
    """The task never got another turn."""
    loop = asyncio.new_event_loop()
    task: Any = None

    async def main() -> None:
        nonlocal task
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(0)

    loop.run_until_complete(main())
    loop.close()
    act_done = threading.Event()
    engine.every(OFTEN, act_done.set, name="it")

    engine.ensure()

    assert engine.running == "thread"
    assert act_done.wait(LIMIT)
    task._log_destroy_pending = False  # its end is what this test is about


def test_stopped_before_its_first_turn_it_ends_without_a_word(engine: Engine) -> None:
    """No warning of a coroutine never awaited, nor of a task destroyed."""

    async def main() -> None:
        engine.start()
        engine.stop()
        assert engine.running is None

    asyncio.run(main())


@pytest.mark.parametrize("ends", ["stop", "stop_async"])
def test_an_async_errand_runs_on_the_apps_loop(engine: Engine, ends: str) -> None:
    """And is ended before the engine has stopped."""
    seen = []

    async def main() -> None:
        async def act() -> None:
            await asyncio.sleep(0)
            seen.append(asyncio.get_running_loop() is loop)
            done.set()

        loop, done = asyncio.get_running_loop(), asyncio.Event()
        engine.start()
        engine.spawn(act, "errand")
        async with asyncio.timeout(LIMIT):
            await done.wait()
        stop: Callable[[], Awaitable[None] | None] = getattr(engine, ends)
        if (stopped := stop()) is not None:
            await stopped

    asyncio.run(main())

    assert seen == [True]


def test_what_is_waited_for_is_settled_on_the_apps_loop(engine: Engine) -> None:
    """From a thread beside it; asked for on the loop itself, it is settled on another."""
    loops = []

    async def answer() -> int:
        await asyncio.sleep(0)
        loops.append(asyncio.get_running_loop())
        return 42

    async def main() -> None:
        engine.start()
        assert await asyncio.to_thread(engine.settle, answer()) == 42
        assert engine.settle(answer()) == 42
        assert loops[0] is asyncio.get_running_loop() is not loops[1]
        assert engine.run_later(answer())
        await engine.stop_async()
        late = answer()
        assert engine.run_later(late) is False
        late.close()

    asyncio.run(main())

    assert len(loops) == 3


def test_an_async_duty_under_way_is_waited_for(engine: Engine) -> None:
    """It may be writing something."""
    said = []

    async def main() -> None:
        began = asyncio.Event()

        async def act() -> None:
            began.set()
            for _ in range(10):
                await asyncio.sleep(0)
            said.append("written")

        engine.every(60, act, name="it")
        engine.start()
        await began.wait()
        await engine.stop_async()

    asyncio.run(main())

    assert said == ["written"]
