"""What is measured of one way to share."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.fleet.crew import Call, Crew, crew
from benchmarks.fleet.sharing import BY_FILE, FAILURES, RESET
from benchmarks.fleet.worker import BROKEN, FAILED, REFUSED
from tests.servers.redis import RedisServer

BURST, ROUNDS, ILL, SETTLE = 1.0, 3, 4.0, 1.2  # seconds; `ROUNDS` of trials
GONE, BACK = 2.0, 8.0  # seconds of an outage of Redis, and of what is watched after it


@dataclass(slots=True)
class Found:
    """Figures of one way; None where it never came to it.

    Args:
        call: median of the ns that a healthy call takes, the guard included.
        opened: seconds, of each burst, after which all refuse.
        leaked: of each burst, calls that reached the sick dependency.
        trials: of each round in the whole fleet.
        innocents: share 0-1 of the calls refused in workers that are well, beside one ill one.
        failed: calls in an outage of Redis that raised an error of the store, or were refused.
        slowest: seconds that the slowest call took in that outage.
        agreed: seconds after it until all refuse, as two had learnt in it.
        commands: a second, of each idle worker.
        script: CPU microseconds of Redis for each of them.
    """

    call: float = 0.0
    opened: list[float | None] = field(default_factory=list)
    leaked: list[int] = field(default_factory=list)
    trials: list[int] = field(default_factory=list)
    innocents: float = 0.0
    failed: int | None = None
    slowest: float | None = None
    agreed: float | None = None
    commands: float | None = None
    script: float | None = None

    @property
    def leaked_median(self) -> float:
        """Return the median of the calls leaked in a burst."""
        return float(median(self.leaked))

    @property
    def opened_median(self) -> float | None:
        """Return the median of the seconds to open; None: in most bursts not all did."""
        known = [BURST * 10 if each is None else each for each in self.opened]
        middle = median(known)
        return None if middle > BURST else middle


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured: workers, bursts, calls timed, and seconds of idleness."""

    workers: int = 8
    bursts: int = 10
    calls: int = 2000
    idle: float = 5.0


def measure(way: str, redis: RedisServer, extent: Extent, say: Callable[[str], None]) -> Found:
    """Take all figures of one way to share, on a Redis that is emptied for it."""
    redis.clear()
    found = Found()
    url = f"sqlite:///{redis.directory}/fleet.db" if way == BY_FILE else redis.url
    with crew(way, url, extent.workers) as workers:
        time.sleep(SETTLE)  # all know of each other
        steps: list[tuple[str, Callable[[], None]]] = [
            ("healthy calls", lambda: _cost(workers, found, extent.calls)),
            ("bursts", lambda: _bursts(workers, found, extent.bursts)),
            ("trials", lambda: _trials(workers, found)),
            ("one ill worker", lambda: _innocents(workers, found)),
        ]
        of_redis: list[tuple[str, Callable[[], None]]] = [
            ("idle workers", lambda: _idle(workers, redis, found, extent.idle)),
            ("Redis gone", lambda: _outage(workers, redis, found)),
        ]
        for name, take in steps if way == BY_FILE else (*steps, *of_redis):
            say(f"{way}: {name}")
            take()
    return found


def _cost(workers: Crew, found: Found, calls: int) -> None:
    # One at a time: what the others do at the same time is not its cost.
    found.call = median(
        workers.ask("cost", "first", calls, only=[number])[0] for number in range(len(workers))
    )


def _bursts(workers: Crew, found: Found, times: int) -> None:
    for number in range(times):
        workers.ask("prepare", f"burst-{number}")
        time.sleep(SETTLE)  # quiet before the storm
        calls = workers.serve(f"burst-{number}", BURST, [True] * len(workers))
        found.opened.append(all_refuse(calls))
        found.leaked.append(sum(each.how == FAILED for each in _flat(calls)))


def all_refuse(calls: Sequence[Sequence[Call]], since: float = 0.0) -> float | None:
    """Return the seconds from `since` until the last worker has refused its first call."""
    firsts = [
        next((c.began for c in own if c.how == REFUSED and c.began >= since), None) for own in calls
    ]
    known = [each for each in firsts if each is not None]
    return max(known) - since if len(known) == len(firsts) else None


def _trials(workers: Crew, found: Found) -> None:
    workers.ask("prepare", "rounds")
    lasts = BURST + ROUNDS * (RESET * 1.1 + 0.3)
    calls = workers.serve("rounds", lasts, [True] * len(workers))
    opened = all_refuse(calls) or BURST
    later = sorted(c.began for c in _flat(calls) if c.how == FAILED and c.began > opened + 0.5)
    found.trials = rounds_of(later)


def rounds_of(moments: Sequence[float]) -> list[int]:
    """Return how many trials each round had: a second without any is between two."""
    sizes: list[int] = []
    before = float("-inf")
    for moment in moments:
        if moment - before > RESET / 2:
            sizes.append(0)
        sizes[-1] += 1
        before = moment
    return sizes


def _innocents(workers: Crew, found: Found) -> None:
    workers.ask("prepare", "innocents")
    calls = workers.serve("innocents", ILL, [True] + [False] * (len(workers) - 1))
    well = _flat(calls[1:])
    found.innocents = sum(each.how == REFUSED for each in well) / max(1, len(well))


def _idle(workers: Crew, redis: RedisServer, found: Found, lasts: float) -> None:
    time.sleep(2 * SETTLE)
    redis.tell("CONFIG", "RESETSTAT")
    time.sleep(lasts)
    told: dict[str, Any] = redis.tell("INFO", "commandstats")
    # Commands within a script are counted too; what a worker sends is the script alone.
    script = told.get("cmdstat_evalsha", {})
    sent = sum(
        told.get(f"cmdstat_{name}", {}).get("calls", 0)
        for name in (("evalsha",) if script else ("get", "hgetall"))
    )
    found.commands = sent / lasts / len(workers)
    found.script = float(script.get("usec_per_call", 0.0))


def _outage(workers: Crew, redis: RedisServer, found: Found) -> None:
    workers.ask("prepare", "outage")
    workers.ask("prepare", "news")
    time.sleep(SETTLE)
    redis.freeze()
    try:
        calls = _flat(workers.serve("outage", GONE, [False] * len(workers)))
        workers.ask("fail", "news", FAILURES, only=[0, 1])
    finally:
        redis.thaw()
    back = time.monotonic()
    found.failed = sum(each.how in (BROKEN, REFUSED) for each in calls)
    found.slowest = max(each.ended - each.began for each in calls)
    heard = workers.ask("watch", "news", back, BACK)
    found.agreed = None if None in heard else max(heard)


def _flat(calls: Sequence[Sequence[Call]]) -> list[Call]:
    return [each for own in calls for each in own]
