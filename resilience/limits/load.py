"""How much a process can still take on: whom it has to turn away, and why."""

from __future__ import annotations

from enum import IntEnum
from math import inf

from resilience.core.runtime import Runtime
from resilience.core.window import Tally
from resilience.limits.gradient import GradientLimit, Sample
from resilience.limits.queueing import EMPTY, Stamps, StandingQueue
from resilience.telemetry.traffic import Totals, Traffic

EVERY = 1.0  # seconds between two looks at the latency
ASK_EVERY = 0.05  # seconds between two questions how long requests wait, while none does
STAMPS_LAST = 60.0  # seconds after a proxy's stamp that requests are looked at for others
RESERVED = 0.2
"""The share of places that sheddable requests leave to the others."""


class Criticality(IntEnum):
    """How much a request matters when not all can be served."""

    SHEDDABLE = 0
    NORMAL = 1
    CRITICAL = 2


class Load:
    """What the requests of a process say of its load.

    It takes no lock that counting the traffic does not take anyway.

    Args:
        runtime: its system's clock and background engine.
        traffic: the requests.

    Attributes:
        limit: how many may be under way at once.
        queue: whether they queue up before they are taken up.
        ask_at: monotonic seconds from which a new request's waiting is of interest again: at once
            where a proxy stamps them or they wait, else later, as no queue comes up in no time.
    """

    def __init__(self, runtime: Runtime, traffic: Traffic) -> None:
        self._clock = runtime.clock
        self._traffic = traffic
        self.limit = GradientLimit()
        self.queue = StandingQueue()
        self._stamps = Stamps()
        self.ask_at = self._stamped_at = -inf
        self._refused = Tally()  # for too many under way
        self._seen_at = self._clock.monotonic()
        self._seen, self._seen_refused = Totals(), 0
        runtime.engine.every(EVERY, self.look, name="load", jitter=0.0, first=EVERY)

    def waited(self, stamp: float | None, received: float | None) -> float | None:
        """Return the seconds a request has waited to be taken up; None: nobody can tell.

        Args:
            stamp: when a proxy saw it, in seconds since 1970; None: no proxy says.
            received: seconds, >= 0, since this machine has received it; None: it does not say.
        """
        now, wait = self._clock.monotonic(), received
        if stamp is not None:
            self._stamped_at = now
        # Not all requests may come by the proxy.
        stamps = now - self._stamped_at <= STAMPS_LAST
        waits = wait is not None and wait > EMPTY
        self.ask_at = now if stamps or waits else now + ASK_EVERY
        if stamp is not None:
            told = self._stamps.waited(stamp, self._clock.time(), now)
            wait = told if wait is None else max(wait, told or 0.0)
        if wait is not None:
            self.queue.observe(now, wait)
        return wait

    def told_by(self, stamp: float, ago: float) -> float | None:
        """Return the seconds a request had waited when it was taken up; None: nobody can tell.

        Args:
            stamp: when a proxy saw it, in seconds since 1970.
            ago: seconds, >= 0, since it was taken up.
        """
        return self._stamps.waited(stamp, self._clock.time() - ago, self._clock.monotonic() - ago)

    def is_crowded(self, under_way: int, most: int) -> bool:
        """Tell whether `floor_by_concurrency` may be above `SHEDDABLE`, for more than one."""
        return self.limit.binding or under_way > most * (1 - RESERVED)

    def floor_by_waiting(self, waited: float | None, longest: float) -> Criticality:
        """Return the least critical requests that are served after having waited so long."""
        if (
            waited is None
            or waited <= longest / 2
            or not self.queue.stands(self._clock.monotonic())
        ):
            return Criticality.SHEDDABLE
        return Criticality.CRITICAL if waited > longest else Criticality.NORMAL

    def floor_by_concurrency(self, under_way: int, most: int) -> Criticality:
        """Return the least critical requests that are served while so many are under way."""
        limit = min(self.limit.limit, most) if self.limit.binding else most
        if under_way <= max(1.0, limit * (1 - RESERVED)):
            return Criticality.SHEDDABLE
        return Criticality.CRITICAL if under_way > limit else Criticality.NORMAL

    def refuse(self) -> None:
        """Hear that a request was turned away because too many were under way."""
        next(self._refused.tick)

    def look(self) -> None:
        """See how latency has changed since the last look, and set the limit by it."""
        now, totals, refused = (
            self._clock.monotonic(),
            self._traffic.totals(),
            self._refused.value(),
        )
        seen, self._seen = self._seen, totals
        seconds, self._seen_at = now - self._seen_at, now
        turned_away, self._seen_refused = refused - self._seen_refused, refused
        finished = totals.finished - seen.finished
        if seconds <= 0 or finished < 0:  # a fork has begun anew
            return
        latency = (totals.seconds - seen.seconds) / finished if finished else 0.0
        peak = self._traffic.take_peak()
        self.limit.update(Sample(seconds, finished, latency, peak, turned_away))
