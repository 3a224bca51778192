"""The dimmer: how much of what is optional there is time for."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import Any

from resilience.core.checks import number, seconds, share, text, whole
from resilience.errors import ConfigurationError

UTILISATION = 0.85
RISE = 0.05
"""By how much the share may rise in a second."""

SHORTEST_TARGET = 0.01  # seconds; less than that, timers and schedulers decide
QUIET = 0.05
"""Waiting below this share of the target is none: there is room."""

_RATE_SPAN, _COST_SPAN = 2.0, 5.0  # seconds over which arrivals and costs are smoothed
_TRIM_RATE = 0.03  # of utilisation, in a second, at twice the target
_TRIM = (-0.35, 0.1)  # of utilisation, at most
_FULL = 0.97
"""The share of its time that a process is busy when it cannot keep up, where nobody knows how
long requests wait."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was measured since the last step.

    Args:
        span: seconds, > 0, since then.
        arrived: requests that were taken up, those turned away among them.
        finished: requests that were served to their end.
        busy: seconds spent on those.
        waited: seconds that those taken up had waited, on average; None: nobody knows.
        peak: the most that were under way at once.
        p95: seconds within which 95 % were served of late, waiting included; None: too few were.
        asked: calls for what is optional, made or not.
        made: those that were made.
        optional: seconds that those took.
    """

    span: float
    arrived: int
    finished: int
    busy: float
    waited: float | None
    peak: int
    p95: float | None
    asked: int
    made: int
    optional: float


class Dimmer:
    """Finds the share of optional content that leaves a process time for everything else.

    With U the utilisation to aim at, C the requests that the process serves at once, R those that
    arrive in a second, m and o the seconds that the mandatory and the optional part of one take,
    the share is (U * C / R - m) / o. All of them are measured. It rises by 5 points a second at
    most, is halved while requests wait for more than half of the target, and U is trimmed slowly
    so that the 95th percentile comes to the target.

    One for each worker process is enough: they need not agree. It is pure, told what was
    measured; `Dimming` measures.

    Args:
        feature: the name of the feature that it dims.
        target: seconds, >= 0.01, within which 95 % of requests are to be served, waiting included.
        utilisation: above 0 and below 1, the share of its time that the process may be busy.
        places: requests that the process serves at once, >= 1: its threads. None: as many as are
            seen under way while others wait.
        least: the share, 0-1, that is always served.

    Raises:
        ConfigurationError: a value out of range.

    Source:
        Klein, Maggio, Årzén, Hernández-Rodriguez, *Brownout*, ICSE 2014, has the idea, and a
        controller that integrates the latency measured inside; that is blind to the queue in
        front, and slow. This one computes the share from what it costs.
    """

    def __init__(
        self,
        feature: str,
        target: Any = 0.5,
        *,
        utilisation: float = UTILISATION,
        places: int | None = None,
        least: float = 0.0,
    ) -> None:
        self.feature = text("dimmer: feature", feature)
        name = f"dimmer of {feature!r}: "
        self.target = seconds(f"{name}target", target)
        if self.target < SHORTEST_TARGET:
            raise ConfigurationError(
                f"{name}target={target!r}: give a number of seconds >= {SHORTEST_TARGET}"
            )
        self.utilisation = number(f"{name}utilisation", utilisation, most=0.99, above=0.0)
        self._given = None if places is None else whole(f"{name}places", places)
        self.least = share(f"{name}least", least)
        self.share = 1.0
        self.trim = 0.0
        self.places = self._given or 0
        self.rate = 0.0
        self.mandatory = self.optional = 0.0
        self._waited = 0.0

    def step(self, reading: Reading) -> float:
        """Take up what was measured, and return the share, 0-1, to serve from now on."""
        self._learn(reading)
        wanted = self._affordable(reading)
        wanted = min(wanted, self.share + RISE * reading.span)
        if self._is_late(reading):
            wanted = min(wanted, self.share / 2)
        self.share = max(self.least, min(1.0, wanted))
        return self.share

    def _learn(self, reading: Reading) -> None:
        self._learn_rate(reading)
        self._learn_costs(reading)
        if self._given is None and self._waits(reading):
            self.places = max(self.places, reading.peak)
        if reading.p95 is not None:
            off = max(-1.0, min(1.0, 1.0 - reading.p95 / self.target))
            low, high = _TRIM
            self.trim = max(low, min(high, self.trim + _TRIM_RATE * off * reading.span))

    def _learn_rate(self, reading: Reading) -> None:
        """Take up how many arrive in a second.

        Those taken up now have arrived a while ago: while waiting grows they have arrived in less
        time than it took to take them up, and so in greater number than can be seen inside.
        """
        waited = self._waited if reading.waited is None else reading.waited
        span = max(reading.span / 4, reading.span - (waited - self._waited))
        self._waited = waited
        rate = reading.arrived / span
        part = 1 - exp(-reading.span / _RATE_SPAN) if self.rate else 1.0
        self.rate += part * (rate - self.rate)

    def _learn_costs(self, reading: Reading) -> None:
        if not reading.finished:
            return
        part = 1 - exp(-reading.span / _COST_SPAN)
        mandatory = max(0.0, reading.busy - reading.optional) / reading.finished
        self.mandatory += (part if self.mandatory else 1.0) * (mandatory - self.mandatory)
        if reading.made:
            asked = max(reading.asked, reading.made) / max(1, reading.arrived)
            optional = reading.optional / reading.made * asked
            self.optional += (part if self.optional else 1.0) * (optional - self.optional)

    def _affordable(self, reading: Reading) -> float:
        """Return the share that there is time for; 1 as long as nothing speaks against it."""
        if not (self.places and self.rate and self.optional):
            return 1.0
        budget = (self.utilisation + self.trim) * self.places / self.rate
        return (budget - self.mandatory) / self.optional

    def _waits(self, reading: Reading) -> bool:
        if reading.waited is None:
            return self._is_busy(reading)
        return reading.waited > QUIET * self.target

    def _is_late(self, reading: Reading) -> bool:
        """Tell whether requests wait for more than half of the target."""
        if reading.waited is None:
            return self._is_busy(reading)
        return reading.waited > self.target / 2

    def _is_busy(self, reading: Reading) -> bool:
        places = self.places or reading.peak
        return bool(places) and reading.busy >= _FULL * places * reading.span
