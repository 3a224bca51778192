"""What a forked worker inherits of its parent's health, and what not."""

import os
import threading
import time
from collections.abc import Callable

import pytest

from resilience import System
from tests.health.conftest import Dependency
from tests.test_fork import held, in_child

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
PATIENCE = 15.0  # seconds


def until(what: Callable[[], object]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.005)


def test_locks_held_at_the_fork_do_not_hang_the_child(system: System, database: Dependency) -> None:
    """Neither those of the whole nor those of a run."""
    system.health.check("database", database.look)
    system.tick()
    [watched] = system.health._watch._watched.values()

    def act() -> str:
        found = system.health.verify("database")
        return f"{found} {len(system.health.history('database'))} {system.health.report().status}"

    with held(system.health._lock, system.health._changes._telling, watched.runs._changed):
        assert in_child(act) == "True 2 pass"
    assert len(system.health.history("database")) == 1


def test_a_run_under_way_at_the_fork_is_the_parents() -> None:
    """The child's check is not busy for ever with a thread that is not there."""
    system, release = System(), threading.Event()
    system.health.check("slow", lambda: release.wait(60) and None, interval=60, timeout=50)
    system.start()
    [watched] = system.health._watch._watched.values()
    until(lambda: watched.runs.busy)
    release_in_child = threading.Event()
    release_in_child.set()

    def act() -> str:
        release.set()  # the child's own copy
        return f"{watched.runs.busy} {system.health.verify('slow')}"

    assert in_child(act) == "False True"
    assert watched.runs.busy
    release.set()
    system.stop()


def test_checks_run_in_a_child_that_starts() -> None:
    """A worker under a server that forks has its own engine, threads and loops."""
    system = System()
    pids: list[int] = []

    @system.health.check("sync", interval=0.1, timeout=0.1)
    def look() -> None:
        pids.append(os.getpid())

    @system.health.check("async", interval=0.1, timeout=0.1)
    async def look_async() -> None:
        pids.append(os.getpid())

    system.start()
    until(lambda: len(pids) > 5)
    parents = len(pids)

    def act() -> str:
        system.start()
        until(lambda: len(set(pids[parents:])) and len(pids) > parents + 6)
        return " ".join(sorted({str(pid == os.getpid()) for pid in pids[parents:]}))

    assert in_child(act) == "True"
    system.stop()
