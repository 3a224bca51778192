"""What a forked worker inherits of the healer: no lock that is held, and no recovery."""

import os
import threading

import pytest

from resilience import MemoryCheckpoint, Restore, System
from tests.test_fork import held, in_child

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def test_a_child_heals_whatever_its_parent_was_about() -> None:
    """All locks held, a recovery on its way, a message about to be sent."""
    system = System({"healer": {"default_strategy": "action"}})
    go_on, begun = threading.Event(), threading.Event()
    up = [False]

    @system.healer.action("database", cool_down=0)
    def repair() -> None:
        begun.set()
        go_on.wait(30)
        up[0] = True

    def query() -> str:
        if not up[0]:
            raise ConnectionError
        return "rows"

    def child() -> str:
        go_on.set()
        return system.healer.run("database", query)

    system.healer.failed("database", "postgres", ConnectionError())
    assert begun.wait(30)
    (action,) = system.healer.actions("database")
    means = system.healer._means
    with held(
        system.healer.recoveries._lock,
        means.book._lock,
        means.alarm._lock,
        means.alarm._sending,
        action._lock,
    ):
        said = in_child(child)
    go_on.set()

    assert said == "rows"


def test_a_child_restores_though_its_parent_was_restoring() -> None:
    """It waits for nobody who is not there."""
    store = MemoryCheckpoint()
    store.save("good")
    go_on, begun = threading.Event(), threading.Event()
    state = ["bad"]

    def put_back(value: str) -> None:
        begun.set()
        go_on.wait(30)
        state[0] = value

    def call() -> str:
        if state[0] == "bad":
            raise ConnectionError
        return state[0]

    restore = Restore(store, put_back=put_back, system=System())
    thread = threading.Thread(target=restore.call, args=(call,))
    thread.start()
    assert begun.wait(30)

    def child() -> str:
        go_on.set()
        return restore.call(call)

    with held(restore._lock):
        said = in_child(child)
    go_on.set()
    thread.join(30)

    assert said == "good"
