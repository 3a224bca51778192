"""A web server under more requests than it can serve, simulated: `python -m benchmarks.overload`.

The server is simulated, and so is time; what decides is the real thing: each worker has a system
of its own, whose passages, traffic, admission, features and dimmer do what they do in an app.
Requests arrive by a Poisson process whether or not earlier ones are answered (an open loop), wait
in one queue, first come, first served, and take their mandatory part, and the optional one where
the feature is on. Seeded: the same numbers every time.
"""

from __future__ import annotations

import random
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from math import ceil
from typing import Any

from resilience import OverloadedError, System
from resilience.settings import WebSettings
from resilience.web.criticality import critical
from resilience.web.passage import Passage, Site

FEATURE = "recommendations"
TARGET = 0.3
WORKERS = 8
MANDATORY, OPTIONAL = 0.03, 0.05  # seconds, on average
TURNING_AWAY = 0.0005  # seconds
CRITICAL = 0.1
"""The share of requests that are critical."""

STEP_AT, END = 30.0, 90.0  # seconds
PATIENCE = 10.0  # seconds after which whoever asked has gone; the server does not know


class World:
    """The time, and what happens when."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()

    def at(self, time: float, act: Callable[[], None]) -> None:
        """Do `act()` at a time."""
        heappush(self._events, (time, next(self._number), act))

    def run(self, until: float) -> None:
        """Let time pass."""
        while self._events and self._events[0][0] <= until:
            self.now, _, act = heappop(self._events)
            act()


class WorkerClock:
    """The world's clock, as one worker reads it: a part of a request may be ahead of it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.ahead = 0.0

    def monotonic(self) -> float:
        """Return seconds that only ever grow, but for what was ahead."""
        return self._world.now + self.ahead

    def time(self) -> float:
        """Return seconds since 1970."""
        return 1_800_000_000.0 + self.monotonic()

    def sleep(self, seconds: float) -> None:
        """Nothing waits here."""
        raise NotImplementedError

    async def sleep_async(self, seconds: float) -> None:
        """Nothing waits here."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Control:
    """What a server does about too many requests.

    Args:
        name: what reports call it.
        dims: a dimmer for the optional part.
        sheds: turns requests away.
        steps_down: a rule on p95 switches the optional part off.
    """

    name: str
    dims: bool = False
    sheds: bool = False
    steps_down: bool = False


NOTHING = Control("nothing")
LEVELS = Control("levels by rule", steps_down=True)
DIMMER = Control("dimmer", dims=True)
SHEDDING = Control("shedding", sheds=True)
BOTH = Control("dimmer and shedding", dims=True, sheds=True)
CONTROLS = (NOTHING, LEVELS, DIMMER, SHEDDING, BOTH)


@dataclass(slots=True)
class Served:
    """One request that was answered.

    Args:
        arrived: when it came, in seconds.
        done: when it was answered.
        critical: whether it was critical.
        shed: whether it was turned away.
        full: whether it had the optional part.
    """

    arrived: float
    done: float
    critical: bool
    shed: bool
    full: bool

    @property
    def took(self) -> float:
        """Seconds from its coming to its answer."""
        return self.done - self.arrived


def page() -> None:
    """Stand for a view that nobody has marked."""


@critical
def order() -> None:
    """Stand for a critical view."""


class _Passage(Passage):
    @property
    def all_headers(self) -> Mapping[str, str]:
        return self.source  # type: ignore[no-any-return]


class Worker:
    """A process that serves one request after another."""

    def __init__(self, server: Server, number: int) -> None:
        self._server = server
        self.clock = WorkerClock(server.world)
        self._chance = random.Random(1000 + number)
        self.system = System(clock=self.clock, random=self._chance)
        control = server.control
        web = WebSettings(shedding=control.sheds, longest_wait=TARGET / 2)
        self._site = Site(self.system, web)
        self._optional = self.system.feature(FEATURE, otherwise=False)(self._recommend)
        if control.dims:
            self.dimming = self.system.dim(FEATURE, TARGET)
        if control.steps_down:
            self.system.degradation.rule(_RULE)
        self.busy = False
        self._tick()

    def take(self, arrived: float, matters: bool) -> None:
        """Take up a request that has arrived a while ago."""
        self.busy = True
        stamp = f"t={self.clock.time() - self.clock.monotonic() + arrived:.6f}"
        passage = _Passage(self._site, {"x-request-start": stamp})
        try:
            passage.admit(lambda: order if matters else page)
        except OverloadedError:
            self._end_in(TURNING_AWAY, passage, Served(arrived, 0.0, matters, True, False))
            return
        self.clock.ahead = self._chance.gammavariate(4.0, MANDATORY / 4)
        with passage:
            full = self._optional()
        seconds, self.clock.ahead = self.clock.ahead, 0.0
        self._end_in(seconds, passage, Served(arrived, 0.0, matters, False, full))

    def _recommend(self) -> bool:
        self.clock.ahead += self._chance.gammavariate(4.0, OPTIONAL / 4)
        return True

    def _end_in(self, seconds: float, passage: Passage, served: Served) -> None:
        def end() -> None:
            passage.finish(503 if served.shed else 200, failed=False)
            served.done = self.clock.monotonic()
            self.busy = False
            self._server.done(self, served)

        self._server.world.at(self.clock.monotonic() + seconds, end)

    def _tick(self) -> None:
        self.system.tick()
        self._server.world.at(self._server.world.now + 0.1, self._tick)


_RULE = {
    "metric": "latency_p95", "operator": ">", "value": TARGET, "level": "minimal",
    "for_": 2.0, "clear": TARGET / 2, "clear_for": 20.0,
}  # fmt: skip


class Server:
    """Workers behind one queue.

    Args:
        control: what they do about too many requests.
        load: requests a second at a time.
        workers: how many processes.
    """

    def __init__(self, control: Control, load: Callable[[float], float], workers: int) -> None:
        self.world = World()
        self.control = control
        self._load = load
        self._chance = random.Random(7)
        self._queue: deque[tuple[float, bool]] = deque()
        self.served: list[Served] = []
        self.workers = [Worker(self, number) for number in range(workers)]
        self.world.at(0.0, self._arrive)

    def done(self, worker: Worker, served: Served) -> None:
        """Note an answer, and give the worker the next request."""
        self.served.append(served)
        if self._queue:
            worker.take(*self._queue.popleft())

    def _arrive(self) -> None:
        now = self.world.now
        self.world.at(now + self._chance.expovariate(self._load(now)), self._arrive)
        request = (now, self._chance.random() < CRITICAL)
        idle = [each for each in self.workers if not each.busy]
        if idle:
            self._chance.choice(idle).take(*request)
        else:
            self._queue.append(request)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run, in its last 30 s.

    Args:
        control: what the server did.
        rate: requests a second that came.
        goodput: answers a second that came in time and were no refusals.
        p95: seconds within which 95 % of those that were served were.
        optional: the share of those that had the optional part.
        settled: seconds after the step from which p95 stayed below 1.3 times the target; None:
            it never did.
        critical: the share of critical requests that were served in time.
    """

    control: str
    rate: float
    goodput: float
    p95: float
    optional: float
    settled: float | None
    critical: float


def run(
    control: Control, before: float, after: float, *, workers: int = WORKERS, end: float = END
) -> Result:
    """Return what comes of a load that steps up after 30 s.

    Args:
        control: what the server does.
        before: requests a second until then.
        after: requests a second from then on.
        workers: how many processes.
        end: seconds.
    """
    server = Server(control, lambda now: before if now < STEP_AT else after, workers)
    server.world.run(end)
    return _result(control, after, server.served, end)


def _result(control: Control, rate: float, served: Sequence[Served], end: float) -> Result:
    late = [each for each in served if end - 30 <= each.done]
    good = [each for each in late if not each.shed and each.took <= PATIENCE]
    whole = [each for each in late if not each.shed]
    matters = [each for each in late if each.critical]
    in_time = [each for each in matters if not each.shed and each.took <= 2 * TARGET]
    return Result(
        control.name,
        rate,
        goodput=len(good) / 30,
        p95=p95(whole),
        optional=sum(each.full for each in whole) / max(1, len(whole)),
        settled=settled(served, end),
        critical=len(in_time) / max(1, len(matters)),
    )


def p95(served: Sequence[Served]) -> float:
    """Return the 95th percentile of the times taken; 0 of none."""
    times = sorted(each.took for each in served)
    return times[ceil(0.95 * len(times)) - 1] if times else 0.0


def settled(served: Sequence[Served], end: float) -> float | None:
    """Return the seconds after the step from which p95, over two seconds, stayed well."""
    since: float | None = None
    for begin in _steps(STEP_AT, end - 2):
        window = [each for each in served if begin <= each.done < begin + 2 and not each.shed]
        if p95(window) > 1.3 * TARGET:
            since = None
        elif since is None:
            since = begin - STEP_AT
    return since


def _steps(begin: float, end: float) -> Iterator[float]:
    while begin <= end:
        yield begin
        begin += 0.5


@dataclass(slots=True)
class Table:
    """Rows of a report."""

    rows: list[Sequence[Any]] = field(default_factory=list)

    def show(self) -> str:
        """Return the rows in columns."""
        shown = [[str(each) for each in row] for row in self.rows]
        widths = [max(len(row[number]) for row in shown) for number in range(len(shown[0]))]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
            for row in shown
        )


def main() -> int:
    """Print what each control makes of a doubled load, and of one past all capacity."""
    full, bare = WORKERS / (MANDATORY + OPTIONAL), WORKERS / MANDATORY
    print(
        f"{WORKERS} workers; {full:.0f} requests/s in full, {bare:.0f}/s without the optional part"
    )
    print(f"target p95 {TARGET} s; the load steps up from 80/s; last 30 s of 60\n")
    for after in (160.0, 400.0):
        table = Table()
        table.rows.append(
            ("load/s", "control", "goodput/s", "p95 s", "optional", "critical in time", "settled s")
        )
        for control in CONTROLS:
            found = run(control, 80.0, after)
            table.rows.append(
                (
                    f"{after:.0f}", control.name, f"{found.goodput:.1f}", f"{found.p95:.2f}",
                    f"{found.optional:.0%}", f"{found.critical:.0%}",
                    "never" if found.settled is None else f"{found.settled:.1f}",
                )
            )  # fmt: skip
        print(table.show(), end="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
