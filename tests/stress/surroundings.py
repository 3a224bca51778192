"""Sixteen threads on what stands around circuits: prints, as JSON, whatever was not exact.

A program of its own, as `workload.py` is.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from resilience import BulkheadFullError, CircuitOpenError, System, circuit_of, signals
from resilience.circuits.family import CircuitFamily
from tests.stress.workload import THREADS, UpstreamError, together

TURNS = 200  # of each thread


def everywhere(work: Callable[[int], object], turns: int = TURNS) -> Counter[str]:
    """Do `work(number)` for each number, in all threads at once; count what is raised."""

    def run() -> Counter[str]:
        seen: Counter[str] = Counter()
        for number in range(turns):
            try:
                work(number)
                seen["done"] += 1
            except (BulkheadFullError, CircuitOpenError, UpstreamError) as error:
                seen[type(error).__name__] += 1
        return seen

    return together(run)


def places(system: System) -> dict[str, Any]:
    """Take and give back places, from threads and loops, while their number changes."""
    bulkhead = system.bulkheads.get("places", limit=4, max_wait=0.02)

    async def hold(number: int) -> None:
        async with bulkhead:
            await asyncio.sleep(0.0001 * (number % 3))

    async def hold_some() -> None:
        tasks = [asyncio.create_task(hold(number)) for number in range(6)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def work(number: int) -> None:
        if number % 20 == 0:
            asyncio.run(hold_some())
        elif number % 7 == 0:
            bulkhead.resize(1 + number % 9)
        else:
            with bulkhead:
                pass

    everywhere(work)
    bulkhead.resize(4)
    found = bulkhead.snapshot()
    return {"places": ((found.in_use, found.waiting, len(bulkhead.free)), (0, 0, 4))}


def keys(system: System) -> dict[str, Any]:
    """Make and forget circuits by key: those that are open stay, and there are never too many."""

    @system.circuit("keyed", key=str, max_keys=50, failure_threshold=2, reset_timeout=600)
    def call(key: int) -> None:
        if key < 10:
            raise UpstreamError

    family = circuit_of(call)
    assert isinstance(family, CircuitFamily)
    most = []

    def work(number: int) -> None:
        most.append(len(family))
        call(number % 10 if number % 3 else random.randrange(10, 500))

    everywhere(work)
    open_ones = sum(each.state == "open" for each in family)
    return {"keys": ((max(most) <= 50, open_ones), (True, 10))}


def budgets(system: System) -> dict[str, Any]:
    """Retry with all threads: never more than the budget gives."""
    tried: list[None] = []

    @system.retry(attempts=3, on=UpstreamError, initial_delay=1e-6, budget=0.2)
    def call(number: int) -> None:
        tried.append(None)
        raise UpstreamError

    seen = everywhere(call)
    calls = seen["UpstreamError"]
    return {
        "budget calls": (calls, THREADS * TURNS),
        "budget": (0.1 * calls < len(tried) - calls <= 3 + 0.2 * calls, True),
    }


def subscriptions(system: System) -> dict[str, Any]:
    """Come to hear events and go again: nobody stays behind, and going twice is no error."""

    def work(number: int) -> None:
        end = system.on_event(lambda event: None)
        shared.append(end)
        if number % 50 == 0:
            system.circuits.get("told").force_open()
        end()
        shared[number // 2]()

    shared: list[Callable[[], None]] = []
    everywhere(work)
    return {"listeners": (len(system.runtime.bus.listeners), 0)}


def recent(system: System) -> dict[str, Any]:
    """Tell events from everywhere while they are read: each is there once, in order."""
    bus, events = system.runtime.bus, system.recent
    wrong: list[list[int]] = []

    def work(number: int) -> None:
        bus.emit(signals.circuit_opened, "it", {})
        numbers = [each for each, _ in events.since(0)]
        if numbers != sorted(set(numbers)):
            wrong.append(numbers)

    everywhere(work)
    return {"recent": ((events.last, wrong), (THREADS * TURNS, []))}


def traffic(system: System) -> dict[str, Any]:
    """Count requests while they are read."""

    def work(number: int) -> None:
        system.traffic.record(f"/{number}", 0.01, number % 10 == 0)
        if number % 50 == 0:
            system.traffic.snapshot()

    everywhere(work)
    found, calls = system.traffic.totals(), THREADS * TURNS
    return {
        "traffic": (
            (found.finished, found.failed, system.traffic.concurrency()),
            (calls, calls // 10, 0),
        )
    }


def features(system: System) -> dict[str, Any]:
    """Ask for features while settings and orders change: a kill is never got round."""
    degradation = system.degradation
    degradation.declare("killed", {})
    degradation.kill("killed")
    killed: set[bool] = set()

    def work(number: int) -> None:
        killed.add(degradation.enabled("killed"))
        name = f"extra-{number % 5}"
        if number % 10 == 0:
            system.configure({"degradation": {"features": {name: {"enabled": number % 20 == 0}}}})
        elif number % 11 == 0:
            degradation.degrade("minimal" if number % 2 else "reduced", "stress", for_=0.01)
        else:
            degradation.enabled(name, key=number)
            degradation.state()

    seen = everywhere(work, TURNS // 2)
    return {"killed": ((seen["done"], killed), (THREADS * TURNS // 2, {False}))}


def engine(system: System) -> dict[str, Any]:
    """Start and stop the engine from everywhere; then it still runs, and once."""
    ran: list[float] = []
    system.runtime.engine.every(0.01, lambda: ran.append(time.monotonic()), name="it")

    def work(number: int) -> None:
        if number % 3 == 0:
            system.stop()
        else:
            system.start()

    everywhere(work, 12)
    system.start()
    before, until = len(ran), time.monotonic() + 60
    while len(ran) < before + 3 and time.monotonic() < until:
        time.sleep(0.01)
    system.stop()
    return {"engine": ((len(ran) >= before + 3, system.runtime.engine.running), (True, None))}


def run() -> dict[str, list[Any]]:
    """Return what differs: `dict[what, [found, wanted]]`; empty when all is exact."""
    sys.setswitchinterval(1e-6)
    checks: dict[str, Any] = {}
    for part in (places, keys, budgets, subscriptions, recent, traffic, features, engine):
        checks.update(part(System()))
    return {what: [found, wanted] for what, (found, wanted) in checks.items() if found != wanted}


if __name__ == "__main__":
    json.dump(run(), sys.stdout, default=str)
