"""Peers' flaws with retries and limits: wall clocks, what calls share, and whose call it is."""

import asyncio
import functools
import gc
import threading
from typing import Any

import pytest

from resilience import Retry, System
from resilience.testing import ManualClock

DAY = 86_400.0
LIMIT = 30.0  # seconds; what should happen at once is waited for no longer


class BusyError(ConnectionError):
    """What the calls of these tests fail with: worth another attempt."""


@pytest.mark.parametrize("jump", [-400 * DAY, -3600.0, 3600.0, 400 * DAY])
def test_the_time_for_all_attempts_does_not_notice_that_the_wall_clock_jumps(
    system: System, clock: ManualClock, jump: float
) -> None:
    """Neither given up at once nor tried for ever."""
    made: list[Any] = []

    @system.retry(attempts=100, timeout=10.0, backoff="constant", initial_delay=3.0, jitter=None)
    def ask() -> None:
        made.append(clock.monotonic())
        clock.wall += jump
        raise BusyError

    with pytest.raises(BusyError):
        ask()

    assert made == [0.0, 3.0, 6.0, 9.0]


@pytest.mark.parametrize("jump", [-400 * DAY, 400 * DAY])
def test_the_budget_does_not_notice_that_the_wall_clock_jumps(
    system: System, clock: ManualClock, jump: float
) -> None:
    """What was spent is spent, until ten seconds have really passed."""
    made: list[Any] = []

    @system.retry(attempts=10, backoff="constant", initial_delay=0.0)
    def ask() -> None:
        made.append(None)
        raise BusyError

    def attempts() -> int:
        made.clear()
        with pytest.raises(BusyError):
            ask()
        return len(made)

    spent = attempts()
    clock.wall += jump
    assert attempts() == 1
    clock.advance(11.0)

    assert attempts() == spent > 1


def test_threads_share_no_count_of_attempts(system: System) -> None:
    """Each call through one `Retry` has all its attempts, and notes of its own failures only."""
    retry = Retry(attempts=4, backoff="constant", initial_delay=0.0, budget=None, system=system)
    together = threading.Barrier(8)
    raised: dict[str, BusyError] = {}

    def fail(name: str) -> None:
        together.wait(LIMIT)  # the attempts of all threads alternate
        raise BusyError(name)

    def call(name: str) -> None:
        with pytest.raises(BusyError) as caught:
            retry.call(fail, name)
        raised[name] = caught.value

    names = [f"thread {number}" for number in range(8)]
    threads = [threading.Thread(target=call, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)

    assert sorted(raised) == names
    for name, error in raised.items():
        notes = error.__notes__
        assert len(notes) == 3
        assert all(name in note for note in notes)


def test_tasks_share_no_count_of_attempts(system: System) -> None:
    """The same with tasks whose attempts alternate."""
    retry = Retry(attempts=4, backoff="constant", initial_delay=0.0, budget=None, system=system)
    made: dict[str, int] = {}

    async def fail(name: str) -> None:
        made[name] = made.get(name, 0) + 1
        await asyncio.sleep(0)
        raise BusyError(name)

    async def main() -> list[Any]:
        calls = (retry.call_async(fail, f"task {number}") for number in range(8))
        return await asyncio.gather(*calls, return_exceptions=True)

    for number, error in enumerate(asyncio.run(main())):
        assert (str(error), made[str(error)]) == (f"task {number}", 4)
        assert all(str(error) in note for note in error.__notes__)


def test_every_limit_calls_its_own_function_after_garbage_collection(system: System) -> None:
    """No bulkhead by `id()`: new functions at old addresses are not taken for the old ones."""
    for number in range(300):
        guarded = system.bulkhead(name=f"number {number}")(functools.partial(int, number))
        timed = system.timeout(LIMIT)(guarded)
        assert number == guarded() == timed()
        del guarded, timed
        if number % 50 == 0:
            gc.collect()
