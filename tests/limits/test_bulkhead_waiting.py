"""Waiting for a place: in order, not for ever, across threads and loops."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from resilience import BulkheadFullError, System
from resilience.core import deadline
from resilience.limits.bulkheads import WAITING_PER_PLACE, Bulkhead
from resilience.testing import ManualClock


@pytest.fixture
def patient(system: System) -> Bulkhead:
    """Give a bulkhead of one place, for which one waits ten seconds."""
    made: Bulkhead = system.bulkheads.get("patient", limit=1, max_wait=10.0)
    return made


def until(condition: Callable[[], bool]) -> None:
    """Return when another thread has made the condition true."""
    pause = threading.Event()
    for _ in range(10_000):
        if condition():
            return
        pause.wait(0.001)
    pytest.fail("the other threads never got there")


def waits(bulkhead: Bulkhead, callers: int) -> Callable[[], bool]:
    """Return what tells whether so many wait."""
    return lambda: bulkhead.snapshot().waiting == callers


def test_who_came_first_goes_first(patient: Bulkhead, in_thread: Callable[..., Any]) -> None:
    """Threads and tasks stand in one queue."""
    order: list[str] = []

    def in_loop(name: str) -> None:
        async def work() -> None:
            order.append(name)

        asyncio.run(patient.call_async(work))

    patient.take()
    callers = []
    for place in range(6):
        if place % 2:
            callers.append(in_thread(lambda name=f"task {place}": in_loop(name)))
        else:
            name = f"thread {place}"
            callers.append(in_thread(lambda name=name: patient.call(order.append, name)))
        until(waits(patient, place + 1))
    patient.leave()
    for caller in callers:
        caller.result()

    assert order == ["thread 0", "task 1", "thread 2", "task 3", "thread 4", "task 5"]
    assert patient.snapshot().in_use == 0


@pytest.mark.parametrize("kind", ["thread", "task"])
def test_nobody_waits_longer_than_max_wait(
    patient: Bulkhead, clock: ManualClock, in_thread: Callable[..., Any], kind: str
) -> None:
    """Ten seconds by the system's clock, then they are turned away."""
    one = patient.call if kind == "thread" else lambda fn: asyncio.run(patient.call_async(fn))
    with patient:
        caller = in_thread(lambda: one(str))
        until(waits(patient, 1))
        clock.advance(9.0)
        assert patient.snapshot().waiting == 1
        clock.advance(1.0)
        with pytest.raises(BulkheadFullError):
            caller.result()

    snapshot = patient.snapshot()
    assert (snapshot.in_use, snapshot.waiting, snapshot.rejected) == (0, 0, 1)


def test_on_the_machines_clock_too(real: System) -> None:
    """The drivers of both kinds, with real and short times."""
    bulkhead = real.bulkheads.get("real", limit=1, max_wait=0.02)
    with bulkhead:
        with pytest.raises(BulkheadFullError):
            bulkhead.call(str)
        with pytest.raises(BulkheadFullError):
            asyncio.run(bulkhead.call_async(str))
    assert bulkhead.snapshot().rejected == 2


@pytest.mark.parametrize("kind", ["thread", "task"])
def test_nobody_waits_beyond_the_deadline(
    patient: Bulkhead, clock: ManualClock, in_thread: Callable[..., Any], kind: str
) -> None:
    """Work that has two seconds left waits two seconds; without any left, not at all."""

    def call() -> Any:
        deadline.begin(2.0, clock)
        return patient.call(str) if kind == "thread" else asyncio.run(patient.call_async(str))

    def too_late() -> Any:
        deadline.begin(2.0, clock)
        clock.advance(2.0)
        return patient.call(str)

    with patient:
        caller = in_thread(call)
        until(waits(patient, 1))
        clock.advance(2.0)
        with pytest.raises(BulkheadFullError):
            caller.result()
        with pytest.raises(BulkheadFullError):
            in_thread(too_late).result()


def test_the_queue_is_bounded(system: System) -> None:
    """Ten for each place; the next one is turned away at once."""
    bulkhead = system.bulkheads.get("bounded", limit=2, max_wait=60.0)

    async def main() -> None:
        bulkhead.take()
        bulkhead.take()
        waiting = [
            asyncio.create_task(bulkhead.call_async(str)) for _ in range(2 * WAITING_PER_PLACE)
        ]
        await asyncio.sleep(0)
        assert bulkhead.snapshot().waiting == 20
        with pytest.raises(BulkheadFullError):
            await bulkhead.call_async(str)
        bulkhead.leave()
        bulkhead.leave()
        assert await asyncio.gather(*waiting) == [""] * 20

    asyncio.run(main())
    assert bulkhead.snapshot().in_use == 0


def test_a_cancelled_waiter_gives_its_turn_to_the_next(patient: Bulkhead) -> None:
    """Cancelled while it waits, and cancelled in the moment its place was given."""

    async def main() -> None:
        patient.take()
        first, second, third = (asyncio.create_task(patient.call_async(str)) for _ in range(3))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        assert patient.snapshot().waiting == 2
        patient.leave()  # the place is the second's now, which does not know it yet
        second.cancel()
        assert await third == ""
        for task in (first, second):
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    snapshot = patient.snapshot()
    assert (snapshot.in_use, snapshot.waiting, snapshot.rejected) == (0, 0, 0)


def test_an_interrupted_thread_gives_its_turn_back(
    patient: Bulkhead, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while waiting: with a place just given, and without one."""
    from resilience.limits.waiters import ThreadWaiter

    def interrupted(self: ThreadWaiter) -> None:
        raise KeyboardInterrupt

    def given_and_interrupted(self: ThreadWaiter) -> None:
        patient.leave()
        raise KeyboardInterrupt

    for wait in (interrupted, given_and_interrupted):
        patient.take()
        monkeypatch.setattr(ThreadWaiter, "wait", wait)
        with pytest.raises(KeyboardInterrupt):
            patient.call(str)
        if wait is interrupted:
            patient.leave()
        assert (patient.snapshot().in_use, patient.snapshot().waiting) == (0, 0)


def test_a_closed_loop_does_not_keep_a_place(patient: Bulkhead) -> None:
    """Its task can never take the place: the next one gets it."""
    loop = asyncio.new_event_loop()
    patient.take()
    task = loop.create_task(patient.call_async(str))
    loop.run_until_complete(asyncio.sleep(0))
    assert patient.snapshot().waiting == 1
    loop.close()

    patient.leave()

    assert patient.snapshot().in_use == 0
    assert patient.call(str) == ""
    task.get_coro().close()
    assert patient.snapshot().in_use == 0
    task._log_destroy_pending = False  # type: ignore[attr-defined]


def test_a_larger_limit_lets_waiters_in(patient: Bulkhead, in_thread: Callable[..., Any]) -> None:
    """At once, without anybody leaving."""
    with patient:
        callers = [in_thread(lambda: patient.call(str)) for _ in range(2)]
        until(waits(patient, 2))
        patient.resize(3)
        assert [caller.result() for caller in callers] == ["", ""]


def test_without_a_loop_nobody_waits(patient: Bulkhead) -> None:
    """A coroutine stepped by hand gets a free place, or is turned away at once."""
    with pytest.raises(StopIteration):
        patient.call_async(str).send(None)
    with patient, pytest.raises(BulkheadFullError):
        patient.call_async(str).send(None)


class Slow(list[None]):
    """Free places; before the next one comes back, something else happens."""

    before: Callable[[], object] | None = None

    def append(self, token: None) -> None:
        """Do that, then put the place back."""
        before, self.before = self.before, None
        if before is not None:
            before()
        super().append(token)


@pytest.mark.parametrize("is_async", [False, True])
def test_who_joins_the_queue_as_a_place_comes_back_gets_it(
    patient: Bulkhead, system: System, in_thread: Callable[..., Any], is_async: bool
) -> None:
    """Whoever gives it back had seen nobody wait just before."""
    joined: list[Any] = []

    def join() -> None:
        joined.append(in_thread(lambda: patient.call(str, "served")))
        until(waits(patient, 1))

    async def last() -> None:
        return

    patient.free = slow = Slow([None])
    slow.before = join
    if is_async:
        asyncio.run(system.bulkhead(name="patient", limit=1, max_wait=10.0)(last)())
    else:
        patient.call(int)

    assert joined[0].result() == "served"
    assert (patient.snapshot().in_use, patient.crowded) == (0, False)
