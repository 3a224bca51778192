"""Checks at work in real threads and loops: never two at once, whatever they do."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from sqlalchemy.ext.asyncio import create_async_engine

from resilience import CheckResult, System, redis_check, sql_check
from resilience.health.report import CheckHealth
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer

PATIENCE = 20  # seconds that something may take on a busy machine


def until(what: Callable[[], object]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.005)


async def until_async(what: Callable[[], object]) -> None:
    """Wait until something is so, on a loop."""
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, "it never came to that"
        await asyncio.sleep(0.005)


def threads() -> list[str]:
    """Return the names of the threads that run checks."""
    return [each.name for each in threading.enumerate() if "check-" in each.name]


def check_of(system: System, component: str) -> CheckHealth:
    """Return the one check of a component."""
    [check] = system.health.report().components[component].checks
    return check


@pytest.fixture
def served() -> Iterator[System]:
    """Give a system whose engine is a thread, as under WSGI."""
    system = System()
    system.start()
    yield system
    system.stop()


def test_nothing_runs_in_the_thread_that_asks(served: System) -> None:
    """A check has a thread of its own."""
    seen: list[str] = []
    served.health.check("it", lambda: seen.append(threading.current_thread().name))

    until(lambda: served.health.history("it"))

    assert seen == ["resilience-check-it"]


def test_a_check_that_hangs_costs_one_thread(served: System) -> None:
    """Its first run fails in time; then nobody knows; no second one ever begins."""
    release, calls = threading.Event(), []

    @served.health.check("hung", interval=0.1, timeout=0.05)
    def hung() -> None:
        calls.append(1)
        release.wait(60)

    other: list[int] = []
    served.health.check("other", lambda: other.append(1), interval=0.1, timeout=0.1)

    until(lambda: served.health.history("hung"))
    [record] = served.health.history("hung")
    assert (record.status, record.output) == ("fail", "no answer within 0.05 s")
    until(lambda: check_of(served, "hung").status == "unknown")
    before = len(other)
    until(lambda: len(other) > before + 5)

    assert len(calls) == 1
    assert threads().count("resilience-check-hung") == 1
    assert check_of(served, "hung").overdue
    until(lambda: check_of(served, "other").status == "pass")
    release.set()
    until(lambda: len(calls) > 1)


def test_what_a_late_run_says_does_not_count(served: System) -> None:
    """It was a failure when its time was up."""
    go_on = [threading.Event(), threading.Event()]
    runs = iter(go_on)

    @served.health.check("late", interval=1, timeout=0.5)
    def late() -> None:
        next(runs).wait(60)

    until(lambda: served.health.history("late"))
    go_on[0].set()
    go_on[1].set()
    until(lambda: len(served.health.history("late")) > 1)

    assert [each.status for each in served.health.history("late")][:2] == ["fail", "pass"]


def test_no_check_runs_twice_at_once(served: System) -> None:
    """Not by its schedule, not by `verify` from many threads."""
    lock, inside, most, runs = threading.Lock(), [0], [0], [0]

    @served.health.check("it", interval=0.1, timeout=0.1)
    def slow() -> None:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            runs[0] += 1
        time.sleep(0.002)
        with lock:
            inside[0] -= 1

    def verify() -> None:
        for _ in range(20):
            served.health.verify("it")

    verifiers = [threading.Thread(target=verify) for _ in range(8)]
    for each in verifiers:
        each.start()
    for each in verifiers:
        each.join()

    assert most == [1]
    assert runs[0] >= 20


def test_verify_waits_for_a_run_of_its_own(served: System) -> None:
    """What began before it was asked says nothing about what was repaired since."""
    repaired, begun, release = [False], threading.Event(), threading.Event()

    @served.health.check("it", interval=60, timeout=10)
    def look() -> bool:
        was = repaired[0]
        if not was:
            begun.set()
            release.wait(PATIENCE)
        return was

    assert begun.wait(PATIENCE)
    repaired[0] = True
    answer: list[bool | None] = []
    asking = threading.Thread(target=lambda: answer.append(served.health.verify("it")))
    asking.start()
    release.set()
    asking.join(PATIENCE)

    assert answer == [True]
    assert [each.status for each in served.health.history("it")] == ["fail", "pass"]


def test_verify_gives_up_on_a_check_that_hangs(served: System) -> None:
    """Nobody can confirm that it works."""
    release = threading.Event()
    served.health.check("it", lambda: release.wait(60) and None, interval=1, timeout=0.05)
    until(threads)

    assert served.health.verify("it") is False

    release.set()


def test_verify_where_no_engine_runs() -> None:
    """A script or a task queue's worker: with the same limits, and nothing left behind."""
    system, release = System(), threading.Event()
    system.health.check("hung", lambda: release.wait(60) and None, interval=1, timeout=0.05)
    system.health.check("fine", lambda: None)

    @system.health.check("later")
    async def later() -> None:
        await asyncio.sleep(0)

    assert system.health.verify("fine") is True
    assert system.health.verify("later") is True
    assert system.health.verify("hung") is False
    release.set()


def test_async_checks_under_wsgi_keep_their_loop(served: System) -> None:
    """A client's open connection belongs to the loop it was opened on."""
    loops: list[asyncio.AbstractEventLoop] = []

    @served.health.check("it", interval=0.1, timeout=0.1)
    async def look() -> CheckResult:
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return CheckResult(output="looked")

    until(lambda: len(loops) > 3)

    assert len({id(each) for each in loops}) == 1
    until(lambda: check_of(served, "it").output == "looked")
    served.stop()
    assert loops[0].is_closed()


def test_an_async_check_that_takes_too_long_is_cancelled(served: System) -> None:
    """And runs again: nothing hangs."""
    ended: list[str] = []

    @served.health.check("it", interval=0.2, timeout=0.05)
    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    until(lambda: len(served.health.history("it")) >= 3)

    records = served.health.history("it")
    assert {each.output for each in records} == {"no answer within 0.05 s"}
    until(lambda: check_of(served, "it").status == "fail")
    assert len(ended) >= 3


def test_a_timeout_of_the_check_itself_is_its_own(served: System) -> None:
    """What it waited for did not answer; the limit was not reached."""

    @served.health.check("it", interval=60, timeout=50)
    async def impatient() -> None:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(60)

    until(lambda: served.health.history("it"))

    assert check_of(served, "it").output == "TimeoutError"


async def lost() -> None:
    """Wait for something that somebody else has cancelled."""
    waited: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waited.cancel()
    await waited


def left() -> None:
    """Do what scripts do."""
    raise SystemExit("no such host")


@pytest.mark.parametrize(
    ("look", "said"), [(lost, "CancelledError"), (left, "SystemExit: no such host")]
)
def test_whatever_a_check_raises_is_a_failure(
    served: System, look: Callable[[], object], said: str
) -> None:
    """Also what would end its thread or task, which is nobody else's business."""
    served.health.check("lost", look, interval=0.1, timeout=0.1)

    until(lambda: "lost" in served.health.report().components)
    until(lambda: check_of(served, "lost").status == "fail")

    assert check_of(served, "lost").output == said


def test_stopping_ends_the_checks(served: System) -> None:
    """None begins any more; they go on when it starts again."""
    runs: list[int] = []
    served.health.check("it", lambda: runs.append(1), interval=0.1, timeout=0.1)
    until(lambda: len(runs) > 2)

    served.stop()
    stopped = len(runs)
    assert served.runtime.engine.running is None

    served.start()
    until(lambda: len(runs) > stopped)


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio."""
    return "asyncio"


async def driven(system: System) -> "asyncio.Task[None]":
    """Return the task that is the system's engine, as under ASGI."""
    task = asyncio.create_task(system.runtime.engine.run())
    await until_async(lambda: system.runtime.engine.running == "task")
    return task


@pytest.mark.anyio
async def test_under_asgi_async_checks_run_on_the_apps_loop() -> None:
    """Where the app's own clients live."""
    system, here = System(), asyncio.get_running_loop()
    loops: list[object] = []

    @system.health.check("it", interval=0.1, timeout=0.1)
    async def look() -> None:
        loops.append(asyncio.get_running_loop())

    system.health.check("lambda", lambda: look(), interval=0.1, timeout=0.1)  # noqa: PLW0108
    task = await driven(system)
    await until_async(lambda: len(system.health.history("lambda")) > 2 and len(loops) > 3)
    await until_async(lambda: check_of(system, "lambda").status == "pass")
    task.cancel()

    assert set(loops) == {here}


@pytest.mark.anyio
async def test_under_asgi_sync_checks_do_not_hold_up_the_loop() -> None:
    """They wait in threads of their own; the loop goes on beating."""
    system, release = System(), threading.Event()
    system.health.check("hung", lambda: release.wait(60) and None, interval=0.2, timeout=0.1)
    task = await driven(system)
    await until_async(lambda: system.health.history("hung"))

    beats = 0
    worst = 0.0
    while check_of(system, "hung").status != "unknown":
        before = time.monotonic()
        await asyncio.sleep(0.01)
        worst = max(worst, time.monotonic() - before)
        beats += 1
    release.set()
    task.cancel()

    assert beats > 10
    assert worst < 5, "the loop stood still as long as the check did"


@pytest.mark.anyio
async def test_a_check_that_is_cancelled_from_outside_says_nothing() -> None:
    """The loop ends; that is no failure of what was looked at."""
    system, before = System(), asyncio.all_tasks()
    system.health.check("it", partial(asyncio.sleep, 60), interval=100, timeout=90)
    engine = await driven(system)
    await until_async(lambda: asyncio.all_tasks() - before - {engine})
    runs = asyncio.all_tasks() - before - {engine}

    for run in runs:
        run.cancel()
    await asyncio.gather(*runs, return_exceptions=True)

    assert system.health.history("it") == []
    engine.cancel()


@pytest.mark.anyio
async def test_an_async_check_that_hangs_for_ever_costs_one_task() -> None:
    """Even one that swallows its cancellation."""
    system, release, calls = System(), asyncio.Event(), []

    @system.health.check("hung", interval=0.2, timeout=0.05)
    async def stubborn() -> None:
        calls.append(1)
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    task = await driven(system)
    try:
        await until_async(lambda: system.health.history("hung"))
        await until_async(lambda: check_of(system, "hung").status == "unknown")
        assert calls == [1]
        [record] = system.health.history("hung")
        assert (record.status, record.output) == ("fail", "no answer within 0.05 s")
    finally:
        release.set()
    await until_async(lambda: len(calls) > 1)
    task.cancel()


@pytest.mark.anyio
async def test_verify_does_not_block_the_loop_it_needs() -> None:
    """It says what to call instead; that one works."""
    system = System()

    @system.health.check("it", interval=60)
    async def look() -> None:
        await asyncio.sleep(0)

    task = await driven(system)

    with pytest.raises(RuntimeError, match="verify_async"):
        system.health.verify("it")
    assert await system.health.verify_async("it") is True
    task.cancel()


def test_a_machine_without_threads_is_survived(
    served: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check is missed, and runs when there is a thread again."""
    refused = [3]
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if "check" in thread.name and refused[0]:
            refused[0] -= 1
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    served.health.check("it", lambda: None, interval=0.1, timeout=0.1)

    until(lambda: served.health.history("it"))

    assert refused == [0]


def test_a_frozen_redis_hangs_its_check_and_nothing_else(
    served: System, fresh_redis: RedisServer
) -> None:
    """It takes connections and never answers; the check says so, and recovers when it does."""
    with Redis.from_url(fresh_redis.url, socket_timeout=None, retry=None) as client:
        served.health.check("redis", redis_check(client), interval=0.2, timeout=0.1)
        served.health.check("other", lambda: None, interval=0.2, timeout=0.1)
        until(lambda: check_of(served, "redis").status == "pass")

        with fresh_redis.frozen():
            until(lambda: check_of(served, "redis").output == "no answer within 0.1 s")
            until(lambda: check_of(served, "redis").status == "unknown")
            until(lambda: check_of(served, "other").status == "pass")

        until(lambda: check_of(served, "redis").status == "pass")


@pytest.mark.anyio
async def test_real_servers_under_asgi(
    fresh_redis: RedisServer, fresh_postgres: PostgresServer
) -> None:
    """The app's own async clients, looked at on its own loop."""
    system = System()
    client = AsyncRedis.from_url(fresh_redis.url, retry=None)
    engine = create_async_engine(fresh_postgres.url(driver="psycopg_async"))
    system.configure({"health": {"fall": 1, "rise": 1, "interval": 0.2, "timeout": 0.2}})
    system.health.check("redis", redis_check(client), criticality="critical")
    system.health.check("postgres", sql_check(engine), timeout=0.2)
    task = await driven(system)
    try:
        for name in ("redis", "postgres"):
            await until_async(partial(lambda name: check_of(system, name).status == "pass", name))

        await asyncio.to_thread(fresh_redis.stop)
        await until_async(lambda: system.health.critical_down() == ["redis"])
        assert check_of(system, "postgres").status == "pass"
        await asyncio.to_thread(fresh_redis.start)
        await until_async(lambda: system.health.critical_down() == [])
    finally:
        task.cancel()
        await client.aclose()
        await engine.dispose()
