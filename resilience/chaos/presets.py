"""Experiments that are asked for most, by name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypedDict, Unpack

from resilience.chaos.experiments import Experiment, Match
from resilience.chaos.faults import Error, Exhaustion, Latency, Outage

Seconds = float | timedelta


class Options(TypedDict, total=False):
    """The other arguments of an `Experiment`."""

    name: str
    duration: Seconds | None
    share: float
    steady_state: Any
    match: Match | None
    seed: int | None


def _made(preset: str, fault: Any, target: Any, options: Options) -> Experiment:
    every = target if isinstance(target, tuple) else (target,)
    named = ", ".join(_named(each) for each in every)
    given: dict[str, Any] = {"name": f"{preset} of {named}"[:200], **options}
    return Experiment(fault=fault, target=target, **given)


def _named(target: Any) -> str:
    return target if isinstance(target, str) else getattr(target, "__qualname__", repr(target))


def latency_spike(
    target: Any, seconds: Seconds = 2.0, jitter: float = 0.2, **options: Unpack[Options]
) -> Experiment:
    """Return an experiment in which each call takes `seconds` longer, give or take `jitter`."""
    return _made("latency spike", Latency(seconds, jitter), target, options)


def error_burst(
    target: Any, exception: Any = ConnectionError, **options: Unpack[Options]
) -> Experiment:
    """Return an experiment in which half of the calls fail, or the `share` that is given."""
    given: Options = {"share": 0.5, **options}
    return _made("error burst", Error(exception), target, given)


def outage(target: Any, **options: Unpack[Options]) -> Experiment:
    """Return an experiment in which nobody answers."""
    return _made("outage", Outage(), target, options)


def slow_database(target: Any, seconds: Seconds = 0.5, **options: Unpack[Options]) -> Experiment:
    """Return an experiment in which each query takes `seconds` longer, give or take half of it."""
    return _made("slow database", Latency(seconds, 0.5), target, options)


def resource_exhaustion(
    target: Any, bulkhead: str | None = None, **options: Unpack[Options]
) -> Experiment:
    """Return an experiment in which a bulkhead, by default the target's, has no place left."""
    return _made("resource exhaustion", Exhaustion(bulkhead), target, options)


def cascade(*targets: Any, **options: Unpack[Options]) -> Experiment:
    """Return an experiment in which one target after the other stops to answer.

    Each goes one part of the duration after the one before, and none comes back before the end.
    """
    return _made("cascade", Outage(), tuple(targets), options)


PRESETS = {
    each.__name__: each
    for each in (latency_spike, error_burst, outage, slow_database, cascade, resource_exhaustion)
}
"""Presets, by name."""
