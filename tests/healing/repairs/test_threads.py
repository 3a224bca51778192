"""Threads and tasks that die, hang, or are lost in a fork."""

import asyncio
import os
import threading
import time
from collections.abc import Callable

import pytest

from resilience import ConfigurationError, System
from resilience.healing.actions import Outcome
from resilience.healing.repairs import RestartTask, RestartThread
from resilience.testing import ManualClock
from tests.servers.apps import eventually


class Work:
    """What a thread does: it waits until it is told to die or to end."""

    def __init__(self) -> None:
        self.started = threading.Semaphore(0)
        self.told = threading.Semaphore(0)

    def __call__(self) -> None:
        """Work until told otherwise."""
        self.started.release()
        self.told.acquire()

    def die(self, action: RestartThread) -> None:
        """Have the present thread end, and wait for that."""
        assert self.started.acquire(timeout=20)
        self.told.release()
        assert eventually(lambda: action.due() is not None)


def test_it_starts_the_thread_and_starts_it_again(clock: ManualClock) -> None:
    """The first look begins it; after its death the next look does."""
    work = Work()
    action = RestartThread("mailer", work, clock=clock)
    assert action.due() == "not started in this process"
    action.look()
    work.die(action)
    assert action.due() == "it has ended"

    action.look()

    assert work.started.acquire(timeout=20)
    assert action.due() is None
    assert [each.outcome for each in action.history()] == [Outcome.VERIFIED] * 2
    assert [(each.before, each.after) for each in action.history()] == [(0, 1), (1, 2)]
    work.told.release()


def test_a_dead_thread_is_up_again_in_a_tenth_of_a_second() -> None:
    """With a real engine that looks every 50 ms; generously measured."""
    system, work = System(), Work()
    with system:
        action = system.healer.watch(RestartThread("mailer", work), every=0.05)
        assert work.started.acquire(timeout=20)
        died = time.monotonic()
        work.told.release()

        assert work.started.acquire(timeout=20)
        assert time.monotonic() - died < 10
        assert action.due() is None
    work.told.release()


def test_three_times_in_a_minute_and_then_it_asks_for_help(clock: ManualClock) -> None:
    """Once, in words; a minute later it tries again."""
    work, told = Work(), list[str]()
    action = RestartThread("mailer", work, tell=told.append, clock=clock)
    for _ in range(3):
        action.look()
        work.die(action)

    for _ in range(5):
        action.look()

    assert told == ["mailer: it has ended, and it ran 3 times in 60 s"]
    assert len(action.history()) == 3
    clock.advance(61)
    action.look()
    assert work.started.acquire(timeout=20)
    assert action.due() is None
    work.told.release()


def test_a_silent_thread_is_left_behind(clock: ManualClock) -> None:
    """It learns that another one has its place, and can end."""
    hung, seen = Work(), list[bool]()

    def target() -> None:
        seen.append(action.is_mine())
        hung()
        seen.append(action.is_mine())

    action = RestartThread("mailer", target, silent_after=30, clock=clock)
    action.look()
    assert hung.started.acquire(timeout=20)
    clock.advance(20)
    action.beat()
    clock.advance(30)
    assert action.due() is None
    clock.advance(1)
    assert action.due() == "silent for 31 s"

    action.look()

    assert hung.started.acquire(timeout=20)
    hung.told.release()
    assert eventually(lambda: len(seen) == 3)
    hung.told.release()
    assert eventually(lambda: len(seen) == 4)
    assert sorted(seen) == [False, True, True, True]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_after_a_fork_the_child_starts_its_own(clock: ManualClock) -> None:
    """The parent's is not there, though its object is."""
    work = Work()
    action = RestartThread("mailer", work, clock=clock)
    action.look()
    assert work.started.acquire(timeout=20)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        why = action.due()
        action.look()
        os.write(write, f"{why}, {action.due()}".encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(read, 100) == b"not started in this process, None"
    assert action.due() is None
    os.close(read)
    os.close(write)
    work.told.release()


async def until(condition: Callable[[], bool]) -> None:
    """Give the loop its turns until the condition holds."""
    while not condition():  # noqa: ASYNC110 - it is not told
        await asyncio.sleep(0)


def test_a_task_that_ended_is_made_anew(clock: ManualClock) -> None:
    """Whether it raised or returned; on the loop it belongs to."""

    async def main() -> None:
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        ran_on: list[bool] = []

        async def target() -> None:
            ran_on.append(asyncio.get_running_loop() is loop)
            await told.wait()
            told.clear()
            raise ConnectionError

        action = RestartTask("consumer", target, clock=clock)
        await asyncio.to_thread(action.look)
        await until(lambda: bool(ran_on))
        told.set()
        await until(lambda: action.due() is not None)

        await asyncio.to_thread(action.look)
        await until(lambda: len(ran_on) == 2)

        assert (action.due(), ran_on) == (None, [True, True])
        told.set()
        await until(lambda: action.due() is not None)

    asyncio.run(asyncio.wait_for(main(), 30))


def test_a_silent_task_is_cancelled(clock: ManualClock) -> None:
    """Unlike a thread, it can be ended."""

    async def main() -> None:
        began: list[str] = []
        ended: list[str] = []

        async def target() -> None:
            began.append("here")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

        action = RestartTask("consumer", target, silent_after=10, clock=clock)
        await asyncio.to_thread(action.look)
        await until(lambda: bool(began))
        clock.advance(11)
        assert action.due() == "silent for 11 s"

        await asyncio.to_thread(action.look)
        await until(lambda: bool(ended))

        assert action.due() is None

    asyncio.run(asyncio.wait_for(main(), 30))


def test_wrong_arguments_are_refused() -> None:
    """By name; a task needs a loop."""
    with pytest.raises(ConfigurationError, match="RestartThread: target=7"):
        RestartThread("mailer", 7)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="RestartThread: silent_after=0"):
        RestartThread("mailer", print, silent_after=0)
    with pytest.raises(ConfigurationError, match="RestartThread: tell='ops'"):
        RestartThread("mailer", print, tell="ops")  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="no running event loop"):
        RestartTask("consumer", _consume)


async def _consume() -> None:
    """Consume nothing."""
