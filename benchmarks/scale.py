"""What many workers cost the store of a fleet: `python -m benchmarks.scale [--json] [--quick]`.

The script's time and the bytes are measured on a real Redis that knows so many workers. How often
they write comes from a model of the exchange, in which the real `Pace` decides: workers that are
quiet, workers that see a failure now and then, and the second in which a circuit opens for all.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from redis import Redis

from resilience.fleet.base import Letter
from resilience.fleet.pace import QUIET, Pace
from resilience.fleet.redis import RedisBackend
from resilience.fleet.verdicts import Report, Rules
from resilience.fleet.wire import written
from tests.servers.redis import RedisServer

WORKERS = (10, 1_000, 100_000)
SAMPLE = 200  # workers that are modelled; the rest are like them
SECONDS = 60.0
CIRCUITS = 5  # that have news in each letter of a busy worker
ABOUT = json.dumps(
    {"host": "web-1234", "pid": 12345, "since": 1.7e9, "level": "normal", "open": [], "ill": [],
     "leaving": False}
)  # fmt: skip
RULES = Rules(5, 0.5, 5, 60.0, 0.5, 30.0, 2.0, 300.0, 3, 2, 30.0)


@dataclass(frozen=True, slots=True)
class Cost:
    """What so many workers cost.

    Args:
        workers: how many.
        script_us: microseconds that one letter takes of the store's one thread.
        bytes: of a letter and its reply.
        quiet: letters a second while all is well.
        busy: the same while each worker sees a failure every ten seconds.
        opening: letters in the second in which a circuit opens: each worker hears of it at once.
        load: share of the store's one thread while busy; above 0.5 it is time for another prefix.
        opening_seconds: how long the store is busy with an opening.
    """

    workers: int
    script_us: float
    bytes: int
    quiet: float
    busy: float
    opening: float
    load: float
    opening_seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, reckon, and print; progress goes to standard error."""
    parser = argparse.ArgumentParser(prog="benchmarks.scale", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="fewer letters, and 10,000 at most")
    options = parser.parse_args(arguments)
    sizes = (10, 1_000, 10_000) if options.quick else WORKERS
    found = [cost_of(size, letters=100 if options.quick else 1000) for size in sizes]
    print(json.dumps([asdict(each) for each in found], indent=2) if options.json else table(found))
    return 0


def cost_of(workers: int, letters: int = 1000) -> Cost:
    """Return what `workers` cost; `letters` are measured."""
    print(f"{workers} workers …", file=sys.stderr)
    script, size = measured(workers, letters)
    quiet, busy = rate(failures=0.0), rate(failures=0.1)
    return Cost(
        workers, round(script, 1), size, round(quiet * workers, 1), round(busy * workers, 1),
        float(workers), round(busy * workers * script / 1e6, 4), round(workers * script / 1e6, 3),
    )  # fmt: skip


def rate(failures: float) -> float:
    """Return how often one worker writes, letters a second, in the model.

    Args:
        failures: that it sees a second, at random moments.
    """
    written_at = 0
    for seed in range(SAMPLE):
        written_at += sum(1 for _ in _letters(random.Random(seed), failures))
    return written_at / SAMPLE / SECONDS


def _letters(chance: random.Random, failures: float) -> Iterator[float]:
    """Yield the moments at which one worker writes: once a second, and after a failure."""
    pace, now = Pace(), 0.0
    usual = chance.random() * QUIET
    failing = chance.expovariate(failures) if failures else SECONDS + 1
    while min(usual, failing) < SECONDS:
        now = min(usual, failing)
        if failing <= usual:
            moment = pace.urgent(now)
            failing = now + chance.expovariate(failures)
            if moment is None:
                continue
            now = moment
        usual = now + QUIET
        pace.went(now)
        yield now


def measured(workers: int, letters: int) -> tuple[float, int]:
    """Return microseconds of the script, and bytes both ways, of a busy worker's letter."""
    with _redis() as server:
        backend = RedisBackend(server.url, "scale", 60.0)
        with Redis.from_url(server.url) as client:
            _know(client, workers)
            letter = _letter(backend.exchange(Letter("first")).era)
            backend.exchange(letter)
            client.config_resetstat()
            before = client.info("stats")
            for _ in range(letters):
                backend.exchange(letter)
            after: dict[str, Any] = client.info("commandstats")
            through: dict[str, Any] = client.info("stats")
        backend.close()
    names = ("total_net_input_bytes", "total_net_output_bytes")
    moved = sum(through[name] - before[name] for name in names)
    return float(after["cmdstat_evalsha"]["usec_per_call"]), int(moved / letters)


@contextmanager
def _redis() -> Iterator[RedisServer]:
    server = RedisServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


def _know(client: Redis, workers: int) -> None:
    """Have the store know so many workers, all of them alive for long enough."""
    now = time.time() + 3600
    about = json.dumps([1, ABOUT])
    for begin in range(0, workers, 5000):
        names = [f"web-{number}" for number in range(begin, min(workers, begin + 5000))]
        client.zadd("{scale}:fleet:workers", dict.fromkeys(names, now))
        client.hset("{scale}:fleet:crew", mapping=dict.fromkeys(names, about))


def _letter(era: str) -> Letter:
    reports = tuple(Report(f"circuit-{each}", RULES, calls=20) for each in range(CIRCUITS))
    return Letter("first", era, 0, reports, about=ABOUT)


def table(found: Sequence[Cost]) -> str:
    """Return the costs as text."""
    size = len(written(_letter("x" * 12)))
    heads = ("workers", "script", "bytes", "quiet", "busy", "load", "an opening")
    rows = [
        (
            f"{each.workers}", f"{each.script_us:.0f} us", f"{each.bytes}", f"{each.quiet:.0f}/s",
            f"{each.busy:.0f}/s", f"{each.load:.1%}", f"{each.opening_seconds:.2f} s",
        )
        for each in found
    ]  # fmt: skip
    lines = ["  ".join(f"{cell:>10}" for cell in row) for row in (heads, *rows)]
    return "\n".join([f"a letter with {CIRCUITS} circuits is {size} bytes", *lines])


if __name__ == "__main__":
    sys.exit(main())
