"""What the journal takes in, and how fast it answers: `python -m benchmarks.journal`.

In: rows and events accepted by a process that writes to a SQLite file meanwhile. Out: thirty days
of 200 circuits in a SQLite file, as the rules on age leave them, asked as report and dashboard ask.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from threading import Thread
from time import perf_counter
from typing import Any

from resilience import System
from resilience.history.incidents import incidents
from resilience.history.reading import calls_of, events_of
from resilience.history.series import columns
from resilience.storage.sql import SQLStore
from resilience.storage.tables import Row

DAYS, CIRCUITS = 30, 200
DAY, HOUR, MINUTE = 86_400.0, 3600.0, 60.0
NOW = 1_750_000_000.0
OUTAGES = 2  # of each circuit in thirty days

Timings = dict[str, float]


def accepted(folder: Path, number: int = 100_000) -> float:
    """Return the events that a process takes a second, while it writes them."""
    system = System({"journal": {"url": f"sqlite:///{folder}/in.db", "queue_size": number}})
    journal, circuit = system.journal, system.circuits.get("payments")
    journal.flush()
    done: list[bool] = []

    def write() -> None:
        while not done:
            journal.flush()

    writer = Thread(target=write)
    writer.start()
    started = perf_counter()
    for each in range(number // 2):  # an order and its end are two events
        circuit.force_open(str(each))
        circuit.release()
    took = perf_counter() - started
    done.append(True)
    writer.join()
    system.configure({"journal": {"enabled": False}})
    return number // 2 * 2 / took


def queued(folder: Path, number: int = 200_000) -> float:
    """Return the rows that a process takes a second."""
    system = System({"journal": {"url": f"sqlite:///{folder}/rows.db", "queue_size": number}})
    row = _calls(NOW, 1.0, "payments", 100)
    started = perf_counter()
    for _ in range(number):
        system.journal.record(row)
    took = perf_counter() - started
    return number / took


def answered(folder: Path) -> Timings:
    """Return the seconds that questions about thirty days of 200 circuits take."""
    store = SQLStore(f"sqlite:///{folder}/out.db")
    store.open()
    rows = list(_history())
    for index in range(0, len(rows), 10_000):
        store.write(rows[index : index + 10_000])
    since = NOW - DAYS * DAY

    def chart() -> Any:
        return columns(calls_of(store.read, since, NOW, "circuit-7"), since, NOW)

    questions: dict[str, Callable[[], Any]] = {
        "incidents of 200 circuits in 30 days": lambda: incidents(
            events_of(store.read, since, NOW)
        ),
        "a circuit's chart over 30 days": chart,
        "totals of 200 circuits over 30 days": lambda: store.totals(since, NOW),
    }
    found = {f"{len(rows)} rows": 0.0}
    found.update({name: min(_timed(ask) for _ in range(3)) for name, ask in questions.items()})
    store.close()
    return found


def _timed(ask: Callable[[], Any]) -> float:
    started = perf_counter()
    assert ask()
    return perf_counter() - started


def _history() -> Iterator[Row]:
    """Yield thirty days: hours, of the last six of them minutes; and outages by the second."""
    chance = random.Random(6)
    for number in range(CIRCUITS):
        name = f"circuit-{number}"
        spans = [(NOW - DAYS * DAY, NOW - 6 * HOUR, HOUR), (NOW - 6 * HOUR, NOW - HOUR, MINUTE)]
        for begin, end, span in spans:
            for index in count(1):
                at = begin + index * span
                if at > end:
                    break
                yield _calls(at, span, name, int(span * 10))
        for _ in range(OUTAGES):
            yield from _outage(name, chance.uniform(NOW - 7 * DAY, NOW - HOUR))


def _outage(name: str, at: float) -> Iterator[Row]:
    for second in range(120):
        yield Row("component_health_summary", {
            **_calls(at + second, 1.0, name, 10).values, "failures": 8, "rejected": 2})  # fmt: skip
    for offset, kind, state in ((5.0, "opened", "open"), (35.0, "half_opened", "half_open"),
                                (36.0, "closed", "closed")):  # fmt: skip
        yield Row("circuit_breaker_state_history", {
            "at": at + offset, "worker": "w", "component": name, "type": f"circuit_{kind}",
            "state": state, "calls": 50, "failures": 40})  # fmt: skip


def _calls(at: float, span: float, name: str, calls: int) -> Row:
    values = {"at": at, "span": span, "worker": "w", "component": name, "kind": "calls"}
    counts = {"calls": calls, "failures": 0, "slow_calls": 0, "rejected": 0}
    return Row("component_health_summary", {**values, **counts})


def main() -> int:
    """Print what it takes in, and how fast it answers."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        print(f"events accepted while it writes: {accepted(place):12,.0f} /s")
        print(f"rows accepted:                   {queued(place):12,.0f} /s")
        for name, seconds in answered(place).items():
            print(f"{name:40} {seconds * 1000:8.1f} ms" if seconds else name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
