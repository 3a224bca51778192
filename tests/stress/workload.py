"""Sixteen threads on one circuit: prints, as JSON, whatever was not exact.

A program of its own, so that the same script runs on any interpreter at hand, free-threaded ones
included: `python workload.py` with this package, blinker and wrapt on its path.
"""

import json
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from resilience import CircuitOpenError, Event, System
from resilience.testing import ManualClock

THREADS = 16
CALLS = 2000  # by each thread
ROUNDS = 30  # of opening and closing
PATIENCE = 60.0  # seconds


class UpstreamError(Exception):
    """The failure of these calls."""


def upstream(number: int) -> int:
    """Fail for every tenth number."""
    if number % 10 == 0:
        raise UpstreamError
    return number


def together(work: Callable[[], Counter[str]]) -> Counter[str]:
    """Run `work` in all threads at once, and add up what they counted."""
    barrier = threading.Barrier(THREADS)
    total: list[Counter[str]] = []

    def run() -> None:
        barrier.wait(PATIENCE)
        total.append(work())

    threads = [threading.Thread(target=run, daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(total) == THREADS, "a thread has died or hangs"
    return sum(total, Counter())


def calls(call: Callable[[int], Any], numbers: range) -> Callable[[], Counter[str]]:
    """Make what each thread does: one call for each number, counting how they end."""

    def work() -> Counter[str]:
        seen: Counter[str] = Counter()
        for number in numbers:
            try:
                call(number)
                seen["successes"] += 1
            except UpstreamError:
                seen["failures"] += 1
            except CircuitOpenError:
                seen["rejected"] += 1
        return seen

    return work


def counts(system: System, name: str, **options: Any) -> dict[str, Any]:
    """Count 32,000 calls of which one in ten fails, by a decorated function."""
    guarded = system.circuit(name, failure_rate=0.95, min_calls=THREADS * CALLS, **options)(
        upstream
    )
    seen = together(calls(guarded, range(CALLS)))
    snapshot = system.circuits[name].snapshot()
    return {
        f"{name} state": (snapshot.state, "closed"),
        f"{name} calls": (snapshot.calls, THREADS * CALLS),
        f"{name} failures": (snapshot.failures, THREADS * CALLS // 10),
        f"{name} seen": (sum(seen.values()), THREADS * CALLS),
    }


def sliding(system: System) -> dict[str, Any]:
    """Race a window of 1,000 calls, then fill it once more alone: it holds exactly those."""
    circuit = system.circuits.get("sliding", window_calls=1000, failure_rate=1.0, min_calls=1000)
    work = calls(lambda number: circuit.call(upstream, number), range(1000))
    together(work)
    work()
    snapshot = circuit.snapshot()
    return {
        "sliding calls": (snapshot.calls, 1000),
        "sliding failures": (snapshot.failures, 100),
        "sliding state": (snapshot.state, "closed"),
    }


def rejections(system: System) -> dict[str, Any]:
    """Count 32,000 rejections of an open circuit."""
    circuit = system.circuits.get("rejecting", failure_threshold=1)
    calls(lambda number: circuit.call(upstream, number), range(1))()
    before = circuit.snapshot().rejected
    seen = together(calls(lambda number: circuit.call(upstream, number), range(CALLS)))
    return {
        "rejections seen": (seen["rejected"], THREADS * CALLS),
        "rejections counted": (circuit.snapshot().rejected - before, THREADS * CALLS),
    }


def transitions(system: System, clock: ManualClock) -> dict[str, Any]:
    """Open and close a circuit again and again, all threads racing for every transition."""
    circuit = system.circuits.get("cycling", reset_timeout_multiplier=1.0)
    events: Counter[str] = Counter()
    lock = threading.Lock()

    def receive(event: Event) -> None:
        with lock:
            events[event.type] += event.component == "cycling" and event.type != "call_rejected"

    unsubscribe = system.on_event(receive)
    trials: Counter[str] = Counter()
    for _ in range(ROUNDS):
        together(calls(lambda _: circuit.call(upstream, 0), range(5)))
        clock.advance(circuit.snapshot().retry_after + 0.001)
        trials += together(calls(lambda _: circuit.call(upstream, 1), range(5)))
    unsubscribe()
    wanted = {"circuit_opened": ROUNDS, "circuit_half_opened": ROUNDS, "circuit_closed": ROUNDS}
    return {
        "events": (dict(+events), wanted),
        "generation": (circuit.snapshot().generation, 3 * ROUNDS),
        "trials": (trials["failures"], 0),
    }


def reopenings(system: System, clock: ManualClock) -> dict[str, Any]:
    """Fail in half-open, all threads racing: three trials at most, one event of each kind."""
    circuit = system.circuits.get("relapsing", reset_timeout_multiplier=1.0)
    events: list[str] = []
    unsubscribe = system.on_event(
        lambda event: events.append(event.type) if event.component == "relapsing" else None
    )
    trials = Counter[str]()
    together(calls(lambda _: circuit.call(upstream, 0), range(5)))
    for _ in range(ROUNDS):
        clock.advance(circuit.snapshot().retry_after + 0.001)
        trials += together(calls(lambda _: circuit.call(upstream, 0), range(1)))
    unsubscribe()
    kinds = Counter(kind for kind in events if kind != "call_rejected")
    return {
        "relapse events": (
            dict(kinds),
            {"circuit_opened": ROUNDS + 1, "circuit_half_opened": ROUNDS},
        ),
        "relapse trials": (2 * ROUNDS <= trials["failures"] <= 3 * ROUNDS, True),
        "relapse seen": (sum(trials.values()), THREADS * ROUNDS),
    }


def run() -> dict[str, list[Any]]:
    """Return what differs: `dict[what, [found, wanted]]`; empty when all is exact."""
    sys.setswitchinterval(1e-5)
    clock = ManualClock()
    system = System(clock=clock, random=random.Random(16))
    checks = {
        **counts(system, "seconds"),
        **counts(system, "calls", window_calls=THREADS * CALLS),
        **sliding(system),
        **rejections(system),
        **transitions(system, clock),
        **reopenings(system, clock),
    }
    return {what: [found, wanted] for what, (found, wanted) in checks.items() if found != wanted}


if __name__ == "__main__":
    json.dump(run(), sys.stdout)
