"""Sixteen threads and two hundred tasks at once: places are exact."""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from resilience import BulkheadFullError, System
from resilience.limits.bulkheads import Bulkhead

pytestmark = pytest.mark.stress

LIMIT = 5
CALLS = 60


class Gauge:
    """Counts those inside at once."""

    def __init__(self) -> None:
        self.now = self.most = self.calls = 0
        self._lock = threading.Lock()

    def enter(self) -> None:
        """One more."""
        with self._lock:
            self.now += 1
            self.calls += 1
            self.most = max(self.most, self.now)

    def leave(self) -> None:
        """One fewer."""
        with self._lock:
            self.now -= 1


class Load:
    """What runs through the bulkhead, and what became of it."""

    def __init__(self, bulkhead: Bulkhead) -> None:
        self.bulkhead = bulkhead
        self.gauge = Gauge()
        self.made = Counter[int]()
        self.refused = Counter[int]()

    def work(self, fail: bool) -> None:
        """Return, or raise."""
        self.gauge.enter()
        self.gauge.leave()
        if fail:
            raise KeyError

    async def work_async(self, turns: int) -> None:
        """Stay for some turns of the loop."""
        self.gauge.enter()
        try:
            for _ in range(turns):
                await asyncio.sleep(0)
        finally:
            self.gauge.leave()

    def threaded(self, index: int) -> None:
        """Make calls that return or raise, one after another."""
        chance = random.Random(index)
        for _ in range(CALLS):
            try:
                self.bulkhead.call(self.work, chance.random() < 0.3)
                self.made[index] += 1
            except BulkheadFullError:
                self.refused[index] += 1
            except KeyError:
                self.made[index] += 1

    def looped(self, index: int) -> None:
        """Make calls of fifty tasks, some of them cancelled, on a loop of its own."""
        chance = random.Random(index)

        async def main() -> None:
            await asyncio.gather(*(self.one_task(index, chance) for _ in range(50)))

        asyncio.run(main())

    async def one_task(self, index: int, chance: random.Random) -> None:
        """Make calls one after another, and cancel some at any moment."""
        for _ in range(CALLS // 10):
            call = self.bulkhead.call_async(self.work_async, chance.randrange(4))
            task = asyncio.ensure_future(call)
            for _ in range(chance.randrange(5)):
                await asyncio.sleep(0)
            if chance.random() < 0.3:
                task.cancel()
            try:
                await task
            except BulkheadFullError:
                self.refused[index] += 1
            except asyncio.CancelledError:
                pass


def test_threads_and_tasks_never_exceed_the_limit_and_lose_no_place(
    real: System, in_thread: Callable[..., Any]
) -> None:
    """Calls that return, raise, wait too long and are cancelled, in 16 threads and 4 loops."""
    bulkhead = real.bulkheads.get("stress", limit=LIMIT, max_wait=0.01)
    load = Load(bulkhead)

    runners = [in_thread(partial(load.threaded, index)) for index in range(16)]
    runners += [in_thread(partial(load.looped, index)) for index in range(16, 20)]
    for size in (3, 1, LIMIT) * 5:
        bulkhead.resize(size)
        threading.Event().wait(0.005)
    for runner in runners:
        runner.result()

    snapshot = bulkhead.snapshot()
    assert (snapshot.in_use, snapshot.waiting, load.gauge.now) == (0, 0, 0)
    assert snapshot.rejected == load.refused.total()
    assert 1 <= load.gauge.most <= LIMIT
    assert [load.made[index] + load.refused[index] for index in range(16)] == [CALLS] * 16


@pytest.mark.parametrize("limit", [1, 3])
def test_nobody_who_waits_is_forgotten(
    real: System, in_thread: Callable[..., Any], fast_switching: None, limit: int
) -> None:
    """A place that comes back just as somebody joins the queue is theirs, not lost."""
    gauge = Gauge()

    @real.bulkhead(name="waited for", limit=limit, max_wait=40.0)
    def work() -> None:
        gauge.enter()
        gauge.leave()

    @real.bulkhead(name="waited for", limit=limit, max_wait=40.0)
    async def work_async() -> None:
        gauge.enter()
        await asyncio.sleep(0)
        gauge.leave()

    def threaded() -> None:
        for _ in range(600):
            work()

    async def tasks() -> None:
        for _ in range(50):
            await asyncio.gather(work_async(), work_async())

    runners = [in_thread(threaded) for _ in range(5)]  # with the tasks 9: ten may wait for a place
    runners += [in_thread(lambda: asyncio.run(tasks())) for _ in range(2)]
    for runner in runners:
        runner.result()

    assert gauge.calls == 5 * 600 + 2 * 50 * 2
    assert gauge.most <= limit
    snapshot = real.bulkheads["waited for"].snapshot()
    assert (snapshot.in_use, snapshot.waiting, snapshot.rejected) == (0, 0, 0)


def test_timed_calls_that_outlive_their_time_lose_no_place(
    real: System, in_thread: Callable[..., Any]
) -> None:
    """Hundreds of calls that end just about when their time is up."""
    gauge = Gauge()
    pause = threading.Event()

    @real.timeout(0.002)
    @real.bulkhead(name="outlived", limit=4, max_wait=0.005)
    def work(seconds: float) -> None:
        gauge.enter()
        pause.wait(seconds)
        gauge.leave()

    def caller(index: int) -> int:
        chance = random.Random(index)
        late = 0
        for _ in range(40):
            try:
                work(chance.choice([0.0, 0.0015, 0.002, 0.004]))
            except TimeoutError:
                late += 1
            except BulkheadFullError:
                pass
        return late

    runners = [in_thread(partial(caller, index)) for index in range(8)]
    late = sum(runner.result() for runner in runners)
    bulkhead = real.bulkheads["outlived"]
    while bulkhead.snapshot().in_use or real.timeouts.workers.working:
        pause.wait(0.001)

    assert late > 0
    assert gauge.now == 0
    assert 1 <= gauge.most <= 4
