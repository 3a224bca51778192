"""How long `/health` and its probes take to answer, with many circuits and checks in one process.

`python -m benchmarks.answers`: 1,000 circuits, 20 checks; no framework, no network.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from resilience import System
from resilience.settings import WebSettings
from resilience.web.endpoints import HEALTH, LIVE, READY, answer

CIRCUITS, CHECKS, ASKED = 1000, 20, 1000
LIMIT = 0.005  # seconds that 99 of 100 answers are to stay under

CASES: dict[str, tuple[str, object | None]] = {
    "/health, public": (HEALTH, None),
    "/health, in detail": (HEALTH, "operator"),
    "/health/ready": (READY, None),
    "/health/live": (LIVE, None),
}


class Times(NamedTuple):
    """How long answers took, in seconds.

    Args:
        p50: what half of them stayed under, by the clock.
        p99: what 99 of 100 stayed under, by the clock.
        cpu: what 99 of 100 stayed under of the thread's own time: what other programs take from
            a busy machine is not in it.
        size: bytes of one answer.
    """

    p50: float
    p99: float
    cpu: float
    size: int


def busy_system(circuits: int, checks: int) -> System:
    """Return a system whose circuits have seen calls, and whose checks have run; some are ill."""
    system = System({"health": {"alert_channels": []}})
    for number in range(circuits):
        circuit = system.circuits.get(f"circuit-{number}")
        for _ in range(5):
            circuit.call(int)
        if number % 20 == 0:
            circuit.force_open("benchmark")
    for number in range(checks):
        passes = number % 5 > 0
        system.health.check(f"check-{number}", _answering(passes), component=f"part-{number // 2}")
    for _ in range(25):
        for name in {check.component for check in system.health.checks}:
            system.health.verify(name)
    return system


def _answering(passes: bool) -> Callable[[], bool]:
    return lambda: passes


def measure(system: System, path: str, actor: object | None, asked: int = ASKED) -> Times:
    """Return how long one kind of answer takes."""
    taken, used, size = [], [], 0
    for _ in range(asked):
        started, worked = time.perf_counter(), time.thread_time()
        found = answer(system, WebSettings(), "GET", path, {}, lambda: actor)
        used.append(time.thread_time() - worked)
        taken.append(time.perf_counter() - started)
        size = 0 if found is None else len(found.body)
    taken.sort()
    used.sort()
    most = asked * 99 // 100
    return Times(taken[asked // 2], taken[most], used[most], size)


def main(circuits: int = CIRCUITS, checks: int = CHECKS, asked: int = ASKED) -> int:
    """Print the times of each kind of answer; 1 if one of them is over the limit."""
    system = busy_system(circuits, checks)
    print(f"{circuits} circuits, {checks} checks, {asked} answers of each kind; in ms\n")
    print(f"{'answer':<20}{'p50':>8}{'p99':>8}{'p99 CPU':>9}{'bytes':>8}")
    worst = 0.0
    for name, (path, actor) in CASES.items():
        times = measure(system, path, actor, asked)
        worst = max(worst, times.cpu)
        p50, p99, cpu = (each * 1e3 for each in times[:3])
        print(f"{name:<20}{p50:>8.2f}{p99:>8.2f}{cpu:>9.2f}{times.size:>8}")
    met = worst <= LIMIT
    print(f"\n99 of 100 within {LIMIT * 1e3:g} ms of CPU time: {'met' if met else 'MISSED'}")
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
