"""Many threads: changes are whole, and so is what is asked meanwhile."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from resilience import Event, System


@pytest.mark.stress
def test_changes_from_many_threads_are_each_told_once(events: list[Event], system: System) -> None:
    """Each event goes on from the one before it, and calls never fail meanwhile."""

    @system.feature("it", otherwise="off", off_at="minimal")
    def call() -> str:
        return "on"

    seen: set[str] = set()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            seen.add(call())
            seen.add("on" if system.degradation.enabled("it", key="ada") else "off")

    def order(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(300):
            system.degradation.degrade(chance.choice(["normal", "reduced", "minimal"]), "drill")

    with ThreadPoolExecutor(6) as pool:
        asking = [pool.submit(ask) for _ in range(2)]
        wait(pool.submit(order, seed) for seed in range(4))
        stop.set()
    assert [each.exception() for each in asking] == [None, None]

    assert seen <= {"on", "off"}
    changes = [each.data for each in events if each.type == "degradation_changed"]
    assert all(each["before"] != each["level"] for each in changes)
    befores, afters = [each["before"] for each in changes], [each["level"] for each in changes]
    assert sorted([*befores, system.degradation.level]) == sorted([*afters, "normal"])
