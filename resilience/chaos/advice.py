"""What an experiment showed, in words: what happened, and what to change for which reason."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Any, NamedTuple

from resilience.chaos.evidence import Evidence
from resilience.chaos.experiments import Experiment
from resilience.chaos.faults import Error, Exhaustion, Fault, Latency, Outage
from resilience.chaos.injection import Injection
from resilience.chaos.surroundings import Surroundings
from resilience.chaos.targets import Aim
from resilience.core.guard import Guard


class Showing(NamedTuple):
    """All that is known of one run.

    Args:
        experiment: what ran.
        aim: where.
        injection: how many calls it met and hit.
        evidence: the events meanwhile.
        elapsed: seconds that the fault was in force.
        around: the system's parts.
    """

    experiment: Experiment
    aim: Aim
    injection: Injection
    evidence: Evidence
    elapsed: float
    around: Surroundings

    @property
    def fault(self) -> Fault:
        """What was injected."""
        return self.experiment.fault

    @property
    def fails(self) -> bool:
        """Whether calls that were hit failed."""
        return isinstance(self.fault, Error | Outage)

    def counts(self, circuit: str) -> tuple[int, int]:
        """Return how many calls in a circuit it met, and hit."""
        there = [
            counts
            for place, counts in list(self.injection.places.items())
            if place in self.aim.places_of(circuit)
        ]
        return sum(each[0] for each in there), sum(each[1] for each in there)


def observations(showing: Showing) -> tuple[str, ...]:
    """Return what happened, a sentence each."""
    return tuple(_observed(showing))


def recommendations(showing: Showing) -> tuple[str, ...]:
    """Return what to change and why, a sentence each; none where all held."""
    if isinstance(showing.fault, Exhaustion):
        return tuple(_on_exhaustion(showing))
    if not showing.injection.hit:
        return (_unmet(showing),)
    return tuple(dict.fromkeys(_on_what_was_hit(showing)))


def _on_what_was_hit(showing: Showing) -> Iterator[str]:
    yield from _on_circuits(showing)
    yield from _on_guards(showing)
    yield from _on_views(showing)
    yield from _on_rest(showing)


def _observed(showing: Showing) -> Iterator[str]:
    injection, seen = showing.injection, showing.evidence
    if not isinstance(showing.fault, Exhaustion):
        yield (
            f"{injection.hit} of {injection.seen} calls of {showing.aim.name!r} were hit by "
            f"{showing.fault.KIND} in {showing.elapsed:.3g} s"
        )
    for type_, said in _SAID.items():
        for name in seen.names(type_):
            yield said.format(name=name, times=_times(seen.of(type_, name)))
    if seen.levels:
        yield f"the level of service went to {', then '.join(seen.levels)}"
    for name in showing.aim.circuit_names:
        if not seen.of("circuit_opened", name):
            yield f"circuit {name!r} stayed as it was"


_SAID = {
    "circuit_opened": "circuit {name!r} opened {times}",
    "circuit_closed": "circuit {name!r} closed {times}",
    "call_rejected": "{name!r} rejected calls {times}",
    "retry_scheduled": "{name!r} was tried again {times}",
    "fallback_used": "a fallback answered for {name!r} {times}",
    "recovery_started": "the healer began to recover {name!r} {times}",
    "recovery_succeeded": "{name!r} was recovered {times}",
    "recovery_failed": "recovering {name!r} failed {times}",
    "escalated": "{name!r} was escalated {times}",
}


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _unmet(showing: Showing) -> str:
    if showing.injection.seen:
        return (
            f"none of {showing.injection.seen} calls was hit at a share of "
            f"{showing.experiment.share:g}: raise share, or run it for longer"
        )
    matching = " that match" if showing.experiment.match is not None else ""
    return (
        f"{showing.aim.name!r} had no calls{matching} in {showing.elapsed:.3g} s, so nothing was "
        f"shown: run it while there is traffic"
    )


def _on_circuits(showing: Showing) -> Iterator[str]:
    if not showing.fails:
        return
    names = showing.aim.circuit_names
    if not names and showing.aim.runs:
        yield (
            f"{showing.aim.name!r} failed {showing.injection.hit} times and was called on: "
            f"put @circuit on it, so that callers stop waiting for what is down"
        )
    for name in names:
        if showing.counts(name)[1] and not any(
            each == name or each.startswith(f"{name}[")
            for each in showing.evidence.names("circuit_opened")
        ):
            yield _never_opened(showing, name)


def _never_opened(showing: Showing, name: str) -> str:
    told = {key: value for key, (value, _) in showing.around.circuits().origins(name).items()}
    threshold = told["failure_threshold"]
    least = told.get("min_calls") or threshold
    calls, hit = showing.counts(name)
    share = hit / calls
    failed = f"`{name}` never opened: {100 * share:.0f} % failed for {showing.elapsed:.3g} s"
    window = told.get("window") or showing.elapsed
    in_window = calls * min(1.0, window / max(showing.elapsed, 1e-9))
    if in_window < least:
        return f"{failed} below min_calls {least}; try {max(1, int(in_window / 2))}"
    if hit * min(1.0, window / max(showing.elapsed, 1e-9)) < threshold:
        lower = max(1, int(hit * min(1.0, window / max(showing.elapsed, 1e-9)) / 2))
        return f"{failed} below failure_threshold {threshold}; try {lower}"
    if share < told["failure_rate"]:
        return (
            f"{failed} below failure_rate {told['failure_rate']:g}; "
            f"try {max(0.01, share * 0.8):.2g} if that is too much to bear"
        )
    return (
        f"{failed} past its limits: see whether an operator's order, `on` or `ignore` keeps "
        f"it closed, or a retry hides the failures from it"
    )


def _on_guards(showing: Showing) -> Iterator[str]:
    for guard in showing.aim.guards:
        if isinstance(showing.fault, Latency):
            yield from _on_delay(showing, guard, showing.fault.delay)
        if showing.fails and guard.layer("fallback") is None:
            yield (
                f"`{guard.name}` has nothing to answer with when it fails: put @fallback on it, "
                f"or on who calls it"
            )


def _on_views(showing: Showing) -> Iterator[str]:
    if not showing.aim.views:
        return
    if isinstance(showing.fault, Latency):
        yield (
            f"{showing.aim.name} let its callers wait {showing.fault.delay:.3g} s longer: put "
            f"@timeout on what it waits for, and see that its callers have a timeout, too"
        )
    elif showing.fails:
        yield (
            f"nothing stands in for the view of {showing.aim.name}: put @fallback on what it "
            f"calls, and aim at calls:{showing.aim.name} to see it hold"
        )


def _on_delay(showing: Showing, guard: Guard, delay: float) -> Iterator[str]:
    limit: Any = getattr(guard.layer("timeout"), "limit", None)
    if limit is None:
        yield (
            f"`{guard.name}` let its callers wait {delay:.3g} s longer: put @timeout on it, "
            f"with what they can bear"
        )
    elif limit.seconds > delay:
        yield (
            f"the timeout of `{guard.name}`, {limit.seconds:.3g} s, lets {delay:.3g} s more pass: "
            f"set timeouts.{limit.name}.seconds lower if that is too slow for its callers"
        )
    slow = _slow_call_duration(showing, guard)
    if slow == inf and guard.layer("circuit") is not None and limit is None:
        yield (
            f"`{guard.component}` does not count slow calls: set slow_call_duration below "
            f"{delay:.3g} s to have it open on them"
        )


def _slow_call_duration(showing: Showing, guard: Guard) -> float:
    origins = showing.around.circuits().origins
    told = origins(guard.component) if guard.layer("circuit") is not None else {}
    value = told.get("slow_call_duration", (None, ""))[0]
    return inf if value is None else float(value)


def _on_rest(showing: Showing) -> Iterator[str]:
    for name in showing.evidence.names("recovery_failed"):
        yield (
            f"the healer could not recover {name!r}: register what does with "
            f"healer.action({name!r}), or give @heal a strategy"
        )
    for name in showing.evidence.names("circuit_opened"):
        if not showing.aim.concerns(name):
            yield (
                f"circuit {name!r} opened, though only {showing.aim.name!r} was hit: keep one "
                f"from pulling down the other, with a fallback or a bulkhead"
            )


def _on_exhaustion(showing: Showing) -> Iterator[str]:
    for guard in showing.aim.guards:
        if showing.evidence.of("call_rejected") and guard.layer("fallback") is None:
            yield (
                f"`{guard.name}` turns its callers away while its bulkhead is full: put "
                f"@fallback on it, or give the bulkhead a max_wait"
            )
    if not showing.evidence.of("call_rejected"):
        yield (
            f"no call asked for a place of {showing.aim.name!r} in {showing.elapsed:.3g} s, so "
            f"nothing was shown: run it while there is traffic"
        )
