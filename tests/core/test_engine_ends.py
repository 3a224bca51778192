"""The engine and the process it is in: forks, and the end."""

import asyncio
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from resilience.clock import SystemClock
from resilience.core.drivers import Rounds, ThreadDriver
from resilience.core.engine import Engine
from resilience.core.execution import Executor
from resilience.core.loops import LoopThread
from resilience.core.schedule import Schedule
from tests.test_fork import in_child

LIMIT = 30.0  # seconds; what should happen at once is waited for no longer

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


@pytest.fixture
def engine() -> Iterator[Engine]:
    """Give an engine that runs in this process."""
    engine = Engine(SystemClock(), random.Random(7))
    engine.start()
    yield engine
    engine.stop(LIMIT)


def ran(code: str) -> str:
    """Return what a program prints that does `code`; it must end by itself, silently."""
    start = (
        "import asyncio, os, random, sys, threading\n"
        "from resilience.clock import SystemClock\n"
        "from resilience.core.engine import Engine\n"
        "engine = Engine(SystemClock(), random.Random(7))\n"
        "def say(it): os.write(1, f'{it}\\n'.encode())\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", start + code],
        check=False,
        capture_output=True,
        text=True,
        timeout=2 * LIMIT,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@needs_fork
def test_a_forked_child_runs_nothing_until_it_serves(engine: Engine) -> None:
    """Then it has a driver, and threads, of its own."""
    done = threading.Event()
    engine.every(0.01, done.set, name="it")
    engine.every(0.01, done.set, name="async", blocking=True)
    assert done.wait(LIMIT)

    def child() -> str:
        said = [str(engine.running), str(threading.active_count())]
        done.clear()
        engine.ensure()
        said += [str(engine.running), str(done.wait(LIMIT))]
        engine.stop(LIMIT)
        return " ".join([*said, str(engine.running)])

    assert in_child(child) == "None 1 thread True None"
    assert engine.running == "thread"


@needs_fork
def test_a_duty_that_ran_at_the_fork_runs_again_in_the_child(engine: Engine) -> None:
    """The thread that was to end it is not there."""
    began, go_on, again = threading.Event(), threading.Event(), threading.Event()

    def act() -> None:
        if began.is_set():
            again.set()
        began.set()
        go_on.wait(LIMIT)

    engine.every(0.01, act, name="it", blocking=True)
    assert began.wait(LIMIT)

    def child() -> str:
        engine.ensure()
        return str(again.wait(LIMIT))

    assert in_child(child) == "True"
    go_on.set()


@needs_fork
def test_locks_held_at_the_fork_do_not_hang_the_child(engine: Engine) -> None:
    """Neither the engine's nor those of its threads."""
    holding, release = threading.Event(), threading.Event()

    def hold() -> None:
        with engine._lock, engine.schedule._lock, engine._executor._pool._changed:
            holding.set()
            release.wait(LIMIT)

    threading.Thread(target=hold, daemon=True).start()
    assert holding.wait(LIMIT)

    def child() -> str:
        done = threading.Event()
        engine.every(60, done.set, name="it")
        engine.ensure()
        return str(done.wait(LIMIT))

    try:
        assert in_child(child) == "True"
    finally:
        release.set()


@needs_fork
def test_a_child_of_a_process_with_a_loop_of_ours_says_nothing(engine: Engine) -> None:
    """Neither of tasks destroyed nor of a loop left open; it makes one of its own."""
    said = ran(
        "done = threading.Event()\n"
        "async def act():\n"
        "    done.set()\n"
        "    await asyncio.sleep(3600)\n"
        "engine.every(3600, act, name='it')\n"
        "engine.ensure()\n"
        "assert done.wait(30)\n"
        "import gc, warnings\n"
        "warnings.simplefilter('ignore', DeprecationWarning)\n"
        "if (pid := os.fork()) == 0:\n"
        "    gc.collect()\n"
        "    done.clear()\n"
        "    engine.spawn(act, 'errand')\n"
        "    say(f'child {done.wait(30)}')\n"
        "    os._exit(0)\n"
        "say(os.waitpid(pid, 0)[1])\n"
        "engine.stop(0.1)\n"
    )

    assert said == "child True\n0\n"


def test_at_the_end_of_the_process_what_is_queued_is_drained() -> None:
    """Once; also what the farewells themselves send."""
    said = ran(
        "engine.at_stop(lambda: say('drained'))\n"
        "engine.at_stop(lambda: engine.spawn(lambda: say('sent'), 'mail'))\n"
        "engine.ensure()\n"
    )

    assert sorted(said.split()) == ["drained", "sent"]


def test_stopped_before_the_end_it_is_drained_once() -> None:
    """The end of the process has nothing left to do."""
    assert ran("engine.at_stop(lambda: say('drained'))\nengine.ensure()\nengine.stop()\n") == (
        "drained\n"
    )


def test_a_process_that_served_nothing_drains_nothing() -> None:
    """A server's parent, or a command: it has begun none of it, and starts no thread to end."""
    said = ran(
        "engine.every(1, say, name='it')\n"
        "engine.at_stop(lambda: say('drained'))\n"
        "say(threading.active_count())\n"
    )

    assert said == "1\n"


def test_the_end_of_the_process_waits_for_errands() -> None:
    """A message on its way is sent, though no engine runs here."""
    said = ran(
        "began, go_on = threading.Event(), threading.Event()\n"
        "async def reply(): say('replied')\n"
        "def send():\n"
        "    began.set()\n"
        "    go_on.wait()\n"
        "    say('sent')\n"
        "    return reply()\n"
        "engine.spawn(send, 'mail')\n"
        "began.wait()\n"
        "import atexit\n"
        "atexit.register(go_on.set)\n"
    )

    assert said == "sent\nreplied\n"


@pytest.mark.parametrize(
    "hanging",
    [
        "engine.at_stop(threading.Event().wait)",
        "engine.every(60, hang, name='it')",
        "engine.every(60, hang, name='it', blocking=True)",
        "engine.every(60, hang_async, name='it')",
        "engine.spawn(hang, 'mail')",
        "engine.spawn(hang_async, 'mail')",
    ],
)
def test_nothing_that_hangs_holds_up_the_end_of_the_process(hanging: str) -> None:
    """It ends all the same, silently; what does not hang is drained."""
    said = ran(
        "began = threading.Event()\n"
        "def hang():\n"
        "    began.set()\n"
        "    threading.Event().wait()\n"
        "async def hang_async():\n"
        "    began.set()\n"
        "    await asyncio.Event().wait()\n"
        "engine.at_stop(lambda: say('drained'))\n"
        "did = threading.Event()\n"
        "engine.every(60, did.set, name='other')\n"
        f"{hanging}\n"
        "engine.ensure()\n"
        "did.wait()\n"
        f"{'' if 'at_stop' in hanging else 'began.wait()'}\n"
    )

    assert said == "drained\n"


def test_the_end_of_a_program_with_a_loop_drains_too() -> None:
    """The task is cancelled, and drains before the loop closes."""
    said = ran(
        "engine.at_stop(lambda: say('drained'))\n"
        "async def main():\n"
        "    engine.start()\n"
        "    await asyncio.sleep(0)\n"
        "    say(engine.running)\n"
        "asyncio.run(main())\n"
    )

    assert said == "task\ndrained\n"


def test_an_engine_begun_inside_a_loop_that_ended_drains_once(engine: Engine) -> None:
    """A thread takes over from the task; stopping it drains what is new."""
    said: list[str] = []
    engine.at_stop(lambda: said.append("drained"))

    async def main() -> None:
        engine.start()
        await asyncio.sleep(0)

    asyncio.run(main())
    assert said == ["drained"]

    engine.ensure()
    engine.stop(LIMIT)
    assert said == ["drained", "drained"]


def test_a_driver_may_end_while_another_thread_starts_it() -> None:
    """Whoever ends it does what is to be done last, and the thread that then comes does nothing."""
    said: list[str] = []
    driver = ThreadDriver(rounds())

    driver.end(lambda: said.append("farewell"), time.monotonic())
    assert said == ["farewell"]
    driver.start()
    driver.end(lambda: None, time.monotonic() + LIMIT)
    assert (said, driver.alive) == (["farewell"], False)


def test_what_is_done_last_is_done_once() -> None:
    """Even where the thread has done it before anybody looks whether it is still there."""

    class Swift(ThreadDriver):
        def wake(self) -> None:
            super().wake()
            self._thread.join(LIMIT)

    said: list[str] = []
    driver = Swift(rounds())
    driver.start()

    driver.end(lambda: said.append("farewell"), time.monotonic() + LIMIT)
    assert said == ["farewell"]


def rounds() -> Rounds:
    """Return the rounds of an engine that has nothing to do."""
    clock = SystemClock()
    schedule = Schedule(random.Random(7), lambda: None)
    return Rounds(clock, schedule, Executor(schedule))


def test_a_loop_that_ends_leaves_the_next_one_alone() -> None:
    """What was asked for after `close` began runs on a loop of its own, to its end."""
    ours = LoopThread()
    going, gone = threading.Event(), threading.Event()

    async def here() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    async def work(until: threading.Event) -> str:
        await asyncio.to_thread(until.wait, LIMIT)
        return "done"

    first, loop = ours.submit(work(going)), ours.submit(here()).result(LIMIT)
    closing = threading.Thread(target=ours.close, args=(time.monotonic() + LIMIT,))
    closing.start()
    while ours.submit(here()).result(LIMIT) is loop:
        assert closing.is_alive()
    second = ours.submit(work(gone))
    going.set()
    closing.join(LIMIT)
    gone.set()

    assert (first.result(LIMIT), second.result(LIMIT)) == ("done", "done")
    ours.close(time.monotonic() + LIMIT)
