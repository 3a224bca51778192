"""What work leaves running when it is done: its deadline was the work's, and ends with it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from resilience import DeadlineExceededError, System, remaining
from resilience.testing import ManualClock

Work = Callable[[], Awaitable[None]]


def _timed(system: System, leave: Work) -> Work:
    return system.timeout(5.0)(leave)


def _retried(system: System, leave: Work) -> Work:
    return system.retry(timeout=5.0)(leave)


def _timed_items(system: System, leave: Work) -> Work:
    @system.timeout(5.0)
    async def items() -> AsyncIterator[None]:
        await leave()
        yield

    async def read() -> None:
        async for _ in items():
            pass

    return read


def _timed_within_more(system: System, leave: Work) -> Work:
    return system.retry(timeout=60.0)(_timed(system, leave))


@pytest.mark.parametrize("limited", [_timed, _retried, _timed_items, _timed_within_more])
def test_a_task_left_running_has_no_deadline(
    system: System, clock: ManualClock, limited: Callable[[System, Work], Work]
) -> None:
    """Else a listener begun by a request could call nothing from that request's deadline on."""
    left: list[float | None] = []

    @system.timeout(60.0)
    async def ask() -> str:
        return "answer"

    async def listen(done: asyncio.Event) -> str:
        left.append(remaining())
        await done.wait()
        left.append(remaining())
        return await ask()

    async def main() -> str:
        done, tasks = asyncio.Event(), []

        async def leave() -> None:
            tasks.append(asyncio.create_task(listen(done)))
            await asyncio.sleep(0)

        await limited(system, leave)()
        clock.advance(3600)
        done.set()
        return await tasks[0]

    assert asyncio.run(main()) == "answer"
    assert left == [5.0, None]


async def in_task(work: Callable[[Callable[[], None]], Awaitable[None]]) -> list[float | None]:
    """Return the time left to a task that `work` begins, once `work` is over."""
    left: list[float | None] = []
    done, tasks = asyncio.Event(), []

    async def listen() -> None:
        await done.wait()
        left.append(remaining())

    await work(lambda: tasks.append(asyncio.create_task(listen())))
    done.set()
    await tasks[0]
    return left


def test_a_task_left_running_keeps_the_deadline_around(system: System, clock: ManualClock) -> None:
    """Only what is done is lifted: the order goes on, and its task has the order's time."""

    @system.timeout(10.0)
    async def order() -> list[float | None]:
        @system.timeout(2.0)
        async def stock(begin: Callable[[], None]) -> None:
            begin()

        async def work(begin: Callable[[], None]) -> None:
            await stock(begin)
            clock.advance(4.0)

        return await in_task(work)

    assert asyncio.run(order()) == [6.0]


def test_what_ran_out_of_time_stays_out_of_time(system: System, clock: ManualClock) -> None:
    """What is left of it is to stop as soon as it looks."""

    @system.timeout(2.0)
    async def late(begin: Callable[[], None]) -> None:
        begin()
        clock.advance(3.0)

    async def work(begin: Callable[[], None]) -> None:
        with pytest.raises(DeadlineExceededError):
            await late(begin)

    assert asyncio.run(in_task(work)) == [0.0]
