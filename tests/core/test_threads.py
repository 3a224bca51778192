"""The threads of background work: used again, gone when idle, exact in number."""

import threading
import time
from typing import Any

import pytest

from resilience.core import threads
from resilience.core.threads import Errands, Lane, ThreadPool

LIMIT = 30.0  # seconds; what should happen at once is waited for no longer


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> ThreadPool:
    """Give a pool whose threads wait for work only a moment."""
    monkeypatch.setattr(threads, "IDLE", 0.01)
    return ThreadPool()


def ran_by(pool: ThreadPool) -> threading.Thread:
    """Return the thread that does a job of the pool, when it has done it."""
    seen: list[threading.Thread] = []
    pool.run(lambda: seen.append(threading.current_thread()), "job")
    assert pool.drain(time.monotonic() + LIMIT)
    return seen[0]


def test_a_thread_is_used_again() -> None:
    """While it waits for work, no other is made; it is named for what it does."""
    pool = ThreadPool()

    assert ran_by(pool) is ran_by(pool) is ran_by(pool)


def test_each_job_has_a_thread_of_its_own() -> None:
    """None waits for another."""
    pool, together = ThreadPool(), threading.Barrier(8)

    for number in range(8):
        pool.run(lambda: together.wait(LIMIT), f"job {number}")

    assert pool.drain(time.monotonic() + LIMIT)
    assert not together.broken


def test_a_thread_without_work_ends(pool: ThreadPool) -> None:
    """And the next job gets a new one."""
    first = ran_by(pool)

    first.join(LIMIT)

    assert not first.is_alive()
    assert ran_by(pool) is not first


def test_as_many_as_are_kept_stay(pool: ThreadPool) -> None:
    """Of those that had work."""
    pool.kept = 1
    together = threading.Barrier(3)
    seen: list[threading.Thread] = []

    def job() -> None:
        seen.append(threading.current_thread())
        together.wait(LIMIT)

    for _ in range(3):
        pool.run(job, "job")
    assert pool.drain(time.monotonic() + LIMIT)
    end = time.monotonic() + LIMIT
    while sum(thread.is_alive() for thread in seen) > 1 and time.monotonic() < end:
        pass

    assert sum(thread.is_alive() for thread in seen) == 1
    assert ran_by(pool) in seen
    pool.kept = 0
    for thread in seen:
        thread.join(LIMIT)


def test_jobs_that_come_as_a_thread_ends_are_done(
    pool: ThreadPool, monkeypatch: pytest.MonkeyPatch, fast_switching: None
) -> None:
    """Whichever of the two is first."""
    monkeypatch.setattr(threads, "IDLE", 1e-5)
    done: list[int] = []

    for number in range(300):
        pool.run(lambda number=number: done.append(number), "job")  # type: ignore[misc]
        assert pool.drain(time.monotonic() + LIMIT)

    assert done == list(range(300))


def test_a_job_that_fails_ends_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    """Not even by `SystemExit`; it is logged."""
    pool = ThreadPool()

    def fail() -> None:
        raise SystemExit("the job's own")

    before = ran_by(pool)
    pool.run(fail, "failing")
    assert pool.drain(time.monotonic() + LIMIT)

    assert ran_by(pool) is before
    assert "failing failed" in caplog.text


def test_draining_does_not_wait_for_ever() -> None:
    """It says whether all has ended."""
    pool, go_on = ThreadPool(), threading.Event()
    pool.run(go_on.wait, "hanging")

    assert pool.is_busy
    assert not pool.drain(time.monotonic() + 0.01)
    go_on.set()
    assert pool.drain(time.monotonic() + LIMIT)
    assert not pool.is_busy


def test_a_lane_keeps_the_order() -> None:
    """One after another, on one thread."""
    pool = ThreadPool()
    lane, done = Lane(pool, "lane"), []

    for number in range(20):
        lane.add(lambda number=number: done.append((number, threading.get_ident())))  # type: ignore[misc]
        lane.look(time.monotonic())
    assert pool.drain(time.monotonic() + LIMIT)
    assert lane.look(time.monotonic()) > LIMIT  # nothing is left

    assert [number for number, _ in done] == list(range(20))


def test_whoever_hangs_in_a_lane_is_left_behind_after_a_second() -> None:
    """Not before; it ends by itself, and does no more of the lane."""
    pool, go_on, second = ThreadPool(), threading.Event(), threading.Event()
    began = threading.Event()
    lane = Lane(pool, "lane")

    def hang() -> None:
        began.set()
        go_on.wait(LIMIT)

    lane.add(hang)
    now = time.monotonic()
    assert lane.look(now) == threads.PATIENCE
    assert began.wait(LIMIT)
    lane.add(second.set)
    assert 0.0 < lane.look(now + 0.1) <= threads.PATIENCE
    assert not second.is_set()

    lane.look(time.monotonic() + threads.PATIENCE)

    assert second.wait(LIMIT)
    go_on.set()
    assert pool.drain(time.monotonic() + LIMIT)


def test_errands_of_a_name_forget_it_when_they_are_done() -> None:
    """Names may be many: one for each component."""
    errands: Any = Errands()

    for number in range(100):
        errands.run(lambda: None, f"errand {number}")
    errands.drain(time.monotonic() + LIMIT)

    assert errands._lines == {}
