"""A dimmer at work: fed from what the process measures, it limits a feature."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from resilience.core.runtime import Runtime
from resilience.core.stopwatch import Stopwatch
from resilience.degradation.dimmer import Dimmer, Reading
from resilience.telemetry.traffic import Totals, Traffic

EVERY = 0.5  # seconds between two steps
LEAST_CHANGE = 0.01
BY = "dimmer"
"""Who limits the feature, as its state says."""

WHY = "more requests than there is time for"

Limit = Callable[[float | None], None]
"""Leaves so many percent of the feature; None: all of it."""


@dataclass(frozen=True, slots=True)
class DimmerSnapshot:
    """A dimmer at one moment.

    Args:
        feature: the feature's name.
        target: seconds that 95 % of requests are to be served in.
        share: the share, 0-1, of the feature that is served.
        rate: requests a second that arrive at this process.
        places: requests it serves at once; 0: not known yet.
        mandatory: seconds that a request takes without the feature.
        optional: seconds that the feature would add to it in full.
        trim: what p95 has added to the utilisation that is aimed at.
    """

    feature: str
    target: float
    share: float
    rate: float
    places: int
    mandatory: float
    optional: float
    trim: float


class Dimming:
    """A dimmer that steps twice a second, until it is stopped. Made by `system.dim`.

    Args:
        dimmer: what decides.
        runtime: its system's clock and background engine.
        traffic: the requests of the process.
        stopwatch: what times the feature's calls.
        limit: limits the feature.
        ended: called once, when it is stopped.
    """

    def __init__(  # noqa: PLR0917 - what it is joined from
        self,
        dimmer: Dimmer,
        runtime: Runtime,
        traffic: Traffic,
        stopwatch: Stopwatch,
        limit: Limit,
        ended: Callable[[], None],
    ) -> None:
        self._dimmer = dimmer
        self._clock = runtime.clock
        self._traffic = traffic
        self._stopwatch = stopwatch
        self._limit = limit
        self._ended = ended
        self._at = self._clock.monotonic()
        self._seen, self._timed = traffic.totals(), self._spent()
        self._told = 1.0
        name = f"dimmer of {dimmer.feature!r}"
        self._duty = runtime.engine.every(EVERY, self.step, name=name, jitter=0.0, first=EVERY)

    @property
    def share(self) -> float:
        """The share, 0-1, of the feature that is served."""
        return self._dimmer.share

    def timed(self) -> AbstractContextManager[None]:
        """Return what counts a block as optional content.

        For what asks `system.degradation.enabled` itself; functions with `@feature` are timed
        without it.
        """
        return self._stopwatch.timed()

    def snapshot(self) -> DimmerSnapshot:
        """Return what it does now, and what it knows."""
        dimmer = self._dimmer
        return DimmerSnapshot(
            dimmer.feature,
            dimmer.target,
            dimmer.share,
            dimmer.rate,
            dimmer.places,
            dimmer.mandatory,
            dimmer.optional,
            dimmer.trim,
        )

    def stop(self) -> None:
        """Serve all of the feature again, and step no more."""
        self._duty.cancel()
        self._limit(None)
        self._ended()

    def step(self) -> None:
        """Take up what was measured since the last step; the background engine does it."""
        reading = self._read()
        if reading is None:
            return
        share = self._dimmer.step(reading)
        at_an_end = share in (0.0, 1.0) and share != self._told
        if at_an_end or abs(share - self._told) >= LEAST_CHANGE:
            self._told = share
            self._limit(None if share == 1.0 else round(share * 100, 1))

    def _read(self) -> Reading | None:
        """Return what came since the last reading; None: nothing that tells anything."""
        now, seen, timed = self._clock.monotonic(), self._traffic.totals(), self._spent()
        span, before, began = now - self._at, self._seen, self._timed
        self._at, self._seen, self._timed = now, seen, timed
        if span <= 0 or seen.arrived < before.arrived:  # a fork has begun anew
            return None
        return Reading(
            span=span,
            arrived=seen.arrived - before.arrived,
            finished=seen.finished - before.finished,
            busy=seen.seconds - before.seconds,
            waited=_mean_wait(seen, before),
            peak=self._traffic.concurrency(),
            p95=self._traffic.recent_latency(0.95),
            asked=timed[0] - began[0],
            made=timed[1] - began[1],
            optional=timed[2] - began[2],
        )

    def _spent(self) -> tuple[int, int, float]:
        return self._stopwatch.asked, self._stopwatch.made, self._stopwatch.seconds


def _mean_wait(seen: Totals, before: Totals) -> float | None:
    """Return how long requests have waited on average.

    Where some of many were asked, the others found no queue, either: only then are not all asked.
    """
    if seen.timed == 0:
        return None
    arrived = seen.arrived - before.arrived
    return (seen.waited - before.waited) / arrived if arrived else 0.0
