"""How long to wait before each further attempt: numbers only, nobody waits here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count, repeat
from math import inf, isnan, sqrt, tanh
from random import Random

log = logging.getLogger("resilience")

Shape = str | Callable[[int], float] | Iterable[float]
"""A name of `NAMES`, a function of the number of failed attempts (1, 2, …), or seconds in turn."""


def _constant(initial: float, multiplier: float) -> Iterator[float]:
    return repeat(initial)


def _linear(initial: float, multiplier: float) -> Iterator[float]:
    return (initial * number for number in count(1))


def _exponential(initial: float, multiplier: float) -> Iterator[float]:
    while True:  # a float that grows beyond all bounds becomes inf, and stays it
        yield initial
        initial *= multiplier


def _fibonacci(initial: float, multiplier: float) -> Iterator[float]:
    following = initial
    while True:
        yield initial
        initial, following = following, initial + following


_CURVES: dict[str, Callable[[float, float], Iterator[float]]] = {
    "constant": _constant,
    "linear": _linear,
    "exponential": _exponential,
    "fibonacci": _fibonacci,
}
DECORRELATED = "decorrelated"
NAMES = (*_CURVES, DECORRELATED)


@dataclass(frozen=True, slots=True)
class Backoff:
    """The waits between the attempts of one call.

    Args:
        shape: how they grow. Seconds below 0 from a function, or the end of what was given in
            turn, end the attempts.
        initial: seconds, >= 0, of the first wait.
        longest: seconds, >= 0, that no wait exceeds.
        multiplier: factor, >= 1, from one exponential or decorrelated wait to the next.
        jitter: "full" draws each wait from 0 to its length; a share, 0-1, from that much below
            to that much above; None waits exactly. Decorrelated waits are drawn already.
    """

    shape: Shape
    initial: float
    longest: float
    multiplier: float
    jitter: float | str | None

    def delays(self, random: Random) -> Iterator[float]:
        """Yield the seconds, 0 to `longest`, to wait after each failed attempt of one call."""
        for delay in self._lengths(random):
            if delay < 0:
                return
            yield self._drawn(min(delay, self.longest), random)

    def _lengths(self, random: Random) -> Iterator[float]:
        if not isinstance(self.shape, str):
            return _given(self.shape)
        if self.shape == DECORRELATED:
            return _decorrelated(self.initial, self.multiplier, random)
        return _CURVES[self.shape](self.initial, self.multiplier)

    def _drawn(self, delay: float, random: Random) -> float:
        if self.jitter is None or self.shape == DECORRELATED:
            return delay
        if isinstance(self.jitter, str):
            return delay * random.random()
        share = self.jitter * (2.0 * random.random() - 1.0)
        return min(delay + delay * share, self.longest)


def _decorrelated(initial: float, multiplier: float, random: Random) -> Iterator[float]:
    """Yield waits whose median is about `initial` times 1, 2, 4, …, without clusters.

    Source: G. Polevoy's formula, https://github.com/App-vNext/Polly/issues/530, with the two
    constants of Polly.Contrib.WaitAndRetry's DecorrelatedJitterBackoffV2.
    """
    if initial == 0.0:
        yield from repeat(0.0)
    before = 0.0
    for attempt in count():
        moment = attempt + random.random()
        try:
            reached = multiplier**moment * tanh(sqrt(4.0 * moment))
        except OverflowError:
            break
        yield (reached - before) / 1.4 * initial
        before = reached
    yield from repeat(inf)


def _given(shape: Callable[[int], float] | Iterable[float]) -> Iterator[float]:
    """Yield a user's own seconds; what is no number is logged, and ends the attempts."""
    try:
        found = map(shape, count(1)) if callable(shape) else iter(shape)
        for each in found:
            delay = each.total_seconds() if isinstance(each, timedelta) else float(each)
            if isnan(delay):
                raise ValueError("nan is no number of seconds")
            yield delay
    except Exception:  # it must not take the place of the call's own error
        log.exception("backoff %r failed: no further attempt", shape)
