"""A dependency dies for all workers of a fleet at once: `python -m benchmarks.fleet.storm`.

It is simulated: the real `Pace` of each worker, the real `Ledger`, and a store that settles one
letter after the other. `benchmarks.scale` measures how long that takes it.
"""

from __future__ import annotations

import argparse
import heapq
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.fleet.sharing import FAILURES, RESET, TRIALS, WINDOW
from benchmarks.fleet.worker import PACE
from resilience.circuits.led import rules_of
from resilience.circuits.settings import CircuitSettings
from resilience.fleet.base import Letter
from resilience.fleet.ledger import Ledger
from resilience.fleet.pace import QUIET, Pace
from resilience.fleet.verdicts import OPEN, Report

SIZES = (8, 50, 200, 1_000)
SCRIPT = 90.0  # microseconds that Redis takes for a letter
NETWORK = 0.0002  # seconds from a worker to the store, and back
RULES = rules_of(
    CircuitSettings(
        failure_threshold=FAILURES, window=WINDOW, reset_timeout=RESET, half_open_calls=TRIALS
    )
)


@dataclass(frozen=True, slots=True)
class Storm:
    """What it came to.

    Args:
        opened: seconds until the last worker refuses.
        leaked: calls that reached the dependency.
        letters: sent until then.
        waited: seconds, at most, that a letter waited for those before it.
    """

    opened: float
    leaked: int
    letters: int
    waited: float


class _Worker:
    """What a worker is in a storm: its pace, and what it has not told yet."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pace = Pace()
        self.pace.went(-QUIET / 2)
        self.failures = 0
        self.seen = 0
        self.due = float("inf")
        self.is_open = False


def storm(workers: int, seconds: float, lasts: float = 5.0) -> Storm:
    """Simulate it: each worker calls every 5 ms, shifted evenly, and every call fails.

    Args:
        workers: how many, >= 2.
        seconds: that the store takes for a letter.
        lasts: seconds after which it is given up.
    """
    fleet = [_Worker(f"w{number}") for number in range(workers)]
    ledger = Ledger()
    ledger.workers = {each.name: 0.0 for each in fleet}
    happens = [(PACE * number / workers, "call", number) for number in range(workers)]
    heapq.heapify(happens)
    free = opened = waited = 0.0
    leaked = letters = 0
    while happens and happens[0][0] < lasts:
        now, what, number = heapq.heappop(happens)
        worker = fleet[number]
        if worker.is_open:
            continue
        if what == "call":
            leaked += 1
            worker.failures += 1
            heapq.heappush(happens, (now + PACE, "call", number))
            _be_due(happens, worker, number, worker.pace.urgent(now))
        elif now == worker.due:
            starts = max(free, now + NETWORK)
            free = starts + seconds
            waited, letters = max(waited, starts - now - NETWORK), letters + 1
            worker.is_open, changed = _exchange(ledger, worker, free)
            worker.pace.went(free + NETWORK)
            opened = max(opened, free + NETWORK)
            for other, each in enumerate(fleet) if changed else ():
                moment = each.pace.urgent(free + NETWORK, limited=False)
                _be_due(happens, each, other, moment)
    return Storm(opened if all(each.is_open for each in fleet) else lasts, leaked, letters, waited)


def _be_due(
    happens: list[tuple[float, str, int]], worker: _Worker, number: int, moment: float | None
) -> None:
    if moment is not None and moment < worker.due:
        worker.due = moment
        heapq.heappush(happens, (moment, "letter", number))


def _exchange(ledger: Ledger, worker: _Worker, now: float) -> tuple[bool, bool]:
    """Send a letter; return whether the worker knows that it is open, and whether this did it."""
    before, count = ledger.change, worker.failures
    report = Report("it", RULES, 0, "closed", 0.0, count, count, 0, False, {}, False, "")
    letter = Letter(worker.name, ledger.era, worker.seen, (report,) if count else ())
    reply = ledger.exchange(letter, now)
    worker.failures, worker.seen, worker.due = 0, reply.seen, float("inf")
    is_open = any(each.state == OPEN for each in reply.verdicts)
    return is_open, ledger.change != before


def as_table(storms: dict[int, Storm]) -> list[str]:
    """Return a table in Markdown."""
    return [
        "| workers | all open after | calls leaked | letters | longest wait of one |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {size:,} | {it.opened * 1e3:.0f} ms | {it.leaked:,} | {it.letters:,} | "
            f"{it.waited * 1e3:.1f} ms |"
            for size, it in storms.items()
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what fleets of some sizes go through."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet.storm", description=__doc__)
    parser.add_argument("--workers", type=int, action="append", help="a size, >= 2; repeat it")
    parser.add_argument("--script", type=float, default=SCRIPT, help="microseconds of a letter")
    options = parser.parse_args(arguments)
    sizes = options.workers or SIZES
    print("\n".join(as_table({size: storm(size, options.script / 1e6) for size in sizes})))
    return 0


if __name__ == "__main__":
    sys.exit(main())
