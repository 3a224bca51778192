"""What a circuit weighs and what the import takes."""

import gc
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from benchmarks.calls import OURS
from benchmarks.peers import Peer
from resilience import System

CIRCUITS = 1000
IDLE = f"{OURS}, idle"
USED = f"{OURS}, idle after 20 calls of which 4 failed"
IMPORT = "import resilience"
CORE = "import wrapt, blinker"
STEPS = (
    CORE,
    f"{IMPORT}, over those",
    "the first circuit and fallback, over that",
    "the first retry, bulkhead and timeout, over that",
    "the first heal, over that",
)
_CALLS = 20
_UNCOMPILED = "PYTHONDONTWRITEBYTECODE"

# Imports what we stand on first, so that the second figure is ours alone. A decorator loads its own
# modules on first use: what an app waits for in the end is the sum.
_TIMED_IMPORT = """
from time import perf_counter
marks = [perf_counter()]
import wrapt, blinker
marks.append(perf_counter())
import resilience
marks.append(perf_counter())
resilience.fallback(None)(resilience.circuit(lambda: None))
marks.append(perf_counter())
resilience.timeout(1.0)(resilience.bulkhead(resilience.retry(lambda: None)))
marks.append(perf_counter())
resilience.heal("component")(lambda: None)
marks.append(perf_counter())
print(*(after - before for before, after in zip(marks, marks[1:])))
"""

Guarding = Callable[[str, Callable[[], Any]], Callable[[], Any]]


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure that is not a time per call."""

    name: str
    value: float
    unit: str


def memory(peers: Sequence[Peer]) -> list[Measure]:
    """Return the bytes of one circuit together with the function it guards."""
    return [
        Measure("a bare function", bytes_each(lambda _name, call: call), "B"),
        Measure(IDLE, bytes_each(_in_one_system()), "B"),
        Measure(USED, bytes_each(_in_one_system(), calls=_CALLS), "B"),
        *(Measure(peer.name, bytes_each(partial(_guard_of, peer)), "B") for peer in peers),
    ]


def bytes_each(guard: Guarding, *, calls: int = 0, circuits: int = CIRCUITS) -> float:
    """Return the bytes that each of `circuits` guarded functions keeps, by tracemalloc.

    Args:
        guard: guards a function under a name it has not had.
        calls: how often each is called before it is weighed; every fifth call fails.
        circuits: over how many to take the mean.
    """
    _fill(guard, 10, calls)  # what is made once is not a circuit's weight
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = _fill(guard, circuits, calls)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) / len(kept)


def _fill(guard: Guarding, circuits: int, calls: int) -> list[Callable[[], Any]]:
    kept = [guard(f"idle-{circuits}-{number}", _function()) for number in range(circuits)]
    for call in kept:
        for turn in range(calls):
            _call(call, fails=turn % 5 == 4)
    return kept


def _guard_of(peer: Peer, _name: str, call: Callable[[], Any]) -> Callable[[], Any]:
    guarded: Callable[[], Any] = peer.guard()(call)
    return guarded


_failing = False


def _function() -> Callable[[], None]:
    """Return a new function object, as each `def` in a module makes one."""

    def work() -> None:
        if _failing:
            raise ConnectionError

    return work


def _call(call: Callable[[], Any], *, fails: bool) -> None:
    global _failing  # noqa: PLW0603 - a cell per function would be weighed too
    _failing = fails
    try:
        call()
    except ConnectionError:
        pass
    finally:
        _failing = False


def _in_one_system() -> Guarding:
    system = System()

    def guard(name: str, call: Callable[[], Any]) -> Callable[[], Any]:
        guarded: Callable[[], Any] = system.circuit(name, slow_call_duration=1.0)(call)
        return guarded

    return guard


def imports(runs: int) -> list[Measure]:
    """Return how long the imports take in ms, medians of `runs` fresh interpreters."""
    _import_once()  # writes the compiled files and fills the disk cache
    figures = zip(*(_import_once() for _ in range(runs)), strict=True)
    return [
        Measure(name, median(seconds) * 1000, "ms")
        for name, seconds in zip(STEPS, figures, strict=True)
    ]


def _import_once() -> list[float]:
    """Return the seconds that each of `STEPS` took, in an interpreter of its own."""
    # Without compiled files it would be the compiler that is timed.
    environment = {name: value for name, value in os.environ.items() if name != _UNCOMPILED}
    answer = subprocess.run(
        [sys.executable, "-c", _TIMED_IMPORT],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    return [float(seconds) for seconds in answer.stdout.split()]
