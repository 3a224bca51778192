"""The requests of an app: how many, how fast, how many fail, by route and as a whole."""

from __future__ import annotations

import os
import weakref
from collections.abc import Hashable
from dataclasses import dataclass
from threading import RLock
from typing import NamedTuple

from resilience.clock import Clock
from resilience.core.checks import seconds as checked_seconds
from resilience.core.checks import whole
from resilience.telemetry.histogram import SLICES, Durations, Histogram, covered
from resilience.telemetry.metric import Distribution

UNMATCHED = "(unmatched)"
"""The route of all requests that match none: made-up paths are one and not many."""

OTHERS = "(others)"
"""The route of all routes beyond the number that are told apart."""

SPAN = 30.0  # seconds
MOST_ROUTES = 200
_MOST_NEW = 128

LEAST = 10
"""Of fewer requests no rate or quantile is told, unless it is asked for."""


class Totals(NamedTuple):
    """What was counted since the system was made; who keeps two of them knows what came between.

    Args:
        arrived: requests that came in, those turned away among them.
        finished: requests that were served to their end.
        failed: those of them that ended in a server error.
        shed: requests turned away.
        seconds: time spent on those that finished since they were taken up, all added up.
        waited: time that arrived ones had waited before, where it is known, all added up.
        timed: those of which it is known.
    """

    arrived: int = 0
    finished: int = 0
    failed: int = 0
    shed: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    timed: int = 0


class RouteTotals(NamedTuple):
    """A route since the system was made.

    Args:
        route: the template.
        failures: how many of its requests ended in a server error.
        durations: of all of them, what they had waited before included where it is known.
    """

    route: str
    failures: int
    durations: Distribution


@dataclass(frozen=True, slots=True)
class RouteSnapshot:
    """A route, or all of them, over the last half a minute.

    Args:
        route: the template; "" for all.
        requests: how many were served to their end.
        failures: how many of them ended in a server error.
        rate: requests a second.
        error_rate: failures by requests, 0-1; None: there were no requests.
        mean: seconds; None: there were no requests.
        p50: seconds, and so on; None: there were no requests.
    """

    route: str
    requests: int
    failures: int
    rate: float
    error_rate: float | None
    mean: float | None
    p50: float | None
    p95: float | None
    p99: float | None


class Traffic:
    """Counts requests, in constant memory; any thread may.

    Args:
        clock: tells the time.
        span: seconds, > 0, that rates and quantiles are about; they see 0.9 to 1.0 of them.
        most_routes: how many routes are told apart, >= 1; further ones are `OTHERS`.

    Attributes:
        under_way: the requests that are being served. Who serves one puts it in, and takes it out
            when it has ended, which only one thread can.
        peak: the most that were under way at once since `take_peak`; for who puts one in to raise.

    Raises:
        ConfigurationError: a value out of range.
    """

    def __init__(self, clock: Clock, span: float = SPAN, most_routes: int = MOST_ROUTES) -> None:
        self._clock = clock
        self._span = checked_seconds("span", span)
        self._most_routes = whole("most_routes", most_routes)
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        # The same thread may come again: what is collected meanwhile may end a request.
        self._lock = RLock()
        self._is_taking_in = False
        self.under_way: set[Hashable] = set()
        self.peak = 0
        self._since = self._clock.monotonic()
        self._whole = Histogram(self._span)
        self._whole.roll(self._since)
        self._routes: dict[str, Histogram] = {}
        self._arrived = self._shed = 0
        self._finished = self._failed = 0
        self._seconds = self._waited = 0.0
        self._timed = 0

    # -- counting -----------------------------------------------------------------------------

    def note_wait(self, seconds: float) -> None:
        """Count how long a request, which is known to have, has waited to be taken up, >= 0."""
        with self._lock:
            self._waited += seconds
            self._timed += 1

    def refuse(self) -> None:
        """Count that a request was turned away: no failure, and no duration to speak of."""
        with self._lock:
            self._shed += 1

    def record(
        self,
        route: str,
        seconds: float,
        failed: bool,
        waited: float | None = None,
        now: float | None = None,
    ) -> None:
        """Count a request that was served.

        Args:
            route: the template it matched, never the path; "" for none.
            seconds: how long it took since it was taken up, >= 0.
            failed: whether it ended in a server error, such as 500.
            waited: seconds, >= 0, that it had waited before; whoever asked waited for both.
            now: monotonic seconds, where the caller has just read the clock.
        """
        if (self._clock.monotonic() if now is None else now) >= self._whole.ends:
            self._begin_slice()
        found = self._routes.get(route) or self._meet(route)
        # What is new waits here until it is many, or somebody asks: in bulk it costs half. No
        # lock is needed to append.
        new = found.new
        new.append(seconds + waited if waited else seconds)
        if failed or waited:
            self._note(found, failed, waited or 0.0)
        if len(new) >= _MOST_NEW:
            with self._lock:
                self._take_in(found)

    def _meet(self, route: str) -> Histogram:
        name = route or UNMATCHED
        with self._lock:
            if name not in self._routes and len(self._routes) >= self._most_routes:
                name = OTHERS
            if name not in self._routes:
                made = Histogram(self._span)
                made.roll(self._whole.ends - self._span / SLICES)
                self._routes.setdefault(name, made)
            return self._routes[name]

    def _note(self, found: Histogram, failed: bool, waited: float) -> None:
        with self._lock:
            self._seconds -= waited  # what was spent on it is less than what it took
            if failed:
                self._failed += 1
                found.fail()
                self._whole.fail()

    def _begin_slice(self) -> None:
        """Count what is new into the slice that has ended, and begin the next."""
        with self._lock:
            self._settle()

    def _settle(self) -> float:
        """Count all that is new, and return the time; the lock is held."""
        for found in list(self._routes.values()):
            self._take_in(found)
        now = self._clock.monotonic()
        if now >= self._whole.ends:
            for found in (self._whole, *self._routes.values()):
                found.roll(now)
        return now

    def _take_in(self, found: Histogram) -> None:
        """Count what is new of a route; the lock is held."""
        if self._is_taking_in:
            return
        self._is_taking_in = True
        try:
            new = found.new
            taken = new[:]
            del new[: len(taken)]  # what came meanwhile stays
            durations = Durations(taken)
            found.add(durations)
            self._whole.add(durations)
            self._finished += durations.count
            self._seconds += durations.seconds
        finally:
            self._is_taking_in = False

    # -- reading ------------------------------------------------------------------------------

    def error_rate(self, route: str | None = None, *, least: int = LEAST) -> float | None:
        """Return the share, 0-1, of requests that ended in a server error.

        Args:
            route: the template; None: of all requests.
            least: of fewer requests than that, >= 1, it is None.
        """
        with self._lock:
            now = self._settle()
            found = self._found(route)
            count = 0 if found is None else found.count(now)
            return None if found is None or count < max(1, least) else found.failures(now) / count

    def latency(
        self, share: float, route: str | None = None, *, least: int = LEAST
    ) -> float | None:
        """Return the seconds within which a share of requests was served, to 4.5 %.

        Those that are known to have waited before they were taken up count with that.

        Args:
            share: above 0 to 1; 0.95 for what is called p95.
            route: the template; None: of all requests.
            least: of fewer requests than that, >= 1, it is None.
        """
        with self._lock:
            now = self._settle()
            return _quantile(self._found(route), now, share, least)

    def recent_latency(self, share: float, *, least: int = LEAST) -> float | None:
        """Return the same of the last three to six seconds alone, of all requests."""
        with self._lock:
            now = self._settle()
            return self._whole.recent(now, share, least)

    def concurrency(self) -> int:
        """Return how many requests are under way now."""
        return len(self.under_way)

    def take_peak(self) -> int:
        """Return the most that were under way at once since this was asked last."""
        peak, self.peak = self.peak, len(self.under_way)
        return peak

    def totals(self) -> Totals:
        """Return what was counted since the beginning."""
        with self._lock:
            self._settle()
            arrived = self._finished + self._shed + len(self.under_way)
            self._arrived = max(self._arrived, arrived)  # one may be between two of these
            return Totals(
                self._arrived, self._finished, self._failed, self._shed,
                self._seconds, self._waited, self._timed,
            )  # fmt: skip

    def snapshot(self) -> list[RouteSnapshot]:
        """Return all requests together, then each route, most requested first."""
        with self._lock:
            now = self._settle()
            spanned = covered(now, self._since, self._span)
            whole_ = _shown("", self._whole, now, spanned)
            routes = [_shown(name, each, now, spanned) for name, each in self._routes.items()]
        return [whole_, *sorted(routes, key=lambda each: -each.requests)]

    def ever(self) -> list[RouteTotals]:
        """Return what was counted of each route since the beginning, in the order they came."""
        with self._lock:
            self._settle()
            return [
                RouteTotals(name, each.ever.failures, each.ever.distribution())
                for name, each in self._routes.items()
            ]

    def _found(self, route: str | None) -> Histogram | None:
        return self._whole if route is None else self._routes.get(route or UNMATCHED)

    def after_fork(self) -> None:
        """Begin anew in a forked child: the requests were its parent's."""
        self._begin()


def _quantile(found: Histogram | None, now: float, share: float, least: int) -> float | None:
    if found is None or found.count(now) < least:
        return None
    return found.quantile(now, share)


def _shown(route: str, found: Histogram, now: float, spanned: float) -> RouteSnapshot:
    count, failures = found.count(now), found.failures(now)
    return RouteSnapshot(
        route,
        count,
        failures,
        rate=count / spanned,
        error_rate=failures / count if count else None,
        mean=found.seconds(now) / count if count else None,
        p50=found.quantile(now, 0.5),
        p95=found.quantile(now, 0.95),
        p99=found.quantile(now, 0.99),
    )


_all: weakref.WeakSet[Traffic] = weakref.WeakSet()


def _after_fork() -> None:
    for traffic in list(_all):
        traffic.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
