"""What is built so that it will not hold: found in a running worker, or before one runs.

Each check is a function of `Facts`, so that it can be tried on any.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from resilience.chaos.safety import is_production
from resilience.chaos.settings import ChaosSettings
from resilience.circuits.breaker import Circuit
from resilience.circuits.layer import CircuitLayer
from resilience.core.demand import is_made
from resilience.core.guard import Guard, guarded_runs
from resilience.healing import servers
from resilience.limits.deadlines import TimeoutLayer
from resilience.strategies.fallbacks import FallbackLayer
from resilience.strategies.retries import RetryLayer
from resilience.systems import System
from resilience.telemetry.prometheus import SHARED, is_shared
from resilience.web.server_timeout import UNLIMITED, ServerTimeout
from resilience.web.server_timeout import server_timeout as server_limit

ERROR, WARNING, HINT = "error", "warning", "hint"
SEVERITIES = (ERROR, WARNING, HINT)

JUDGED_FROM = 300.0  # seconds of traffic from which it says something of a threshold
FAILURES = 10  # failures that a fallback should have answered at least one of


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as its author meant it.

    Args:
        check: the name of the check that found it.
        severity: "error": a guard does nothing; "warning": it will not hold when it is needed;
            "hint": worth a thought.
        where: the function, circuit, route or setting.
        what: what is wrong, and what that means.
        do: what to change.
    """

    check: str
    severity: str
    where: str
    what: str
    do: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checks look at.

    Args:
        guards: all guards of a system.
        circuits: all its circuits.
        elapsed: seconds of traffic that their counts are of.
        deadline: seconds that a request has by the settings; None: no limit.
        server: after how many seconds the server ends a request.
        workers: how many processes serve the app.
        shared: whether they share what they learn.
        bypassed: routes that are served without the guard their view was given, and the views.
        chaos: its settings; None: nobody uses it.
        production: whether this is production.
        metrics_alone: whether metrics are collected, and each worker tells its own.
    """

    guards: Sequence[Guard] = ()
    circuits: Sequence[Circuit] = ()
    elapsed: float = 0.0
    deadline: float | None = None
    server: ServerTimeout = UNLIMITED
    workers: int = 1
    shared: bool = False
    bypassed: Sequence[tuple[str, str]] = ()
    chaos: ChaosSettings | None = None
    production: bool = False
    metrics_alone: bool = False


def checkup(system: System, *, server_timeout: float | None = None) -> list[Finding]:
    """Return what is wrong, the worst first.

    Args:
        system: whose guards and circuits are looked at.
        server_timeout: seconds after which the server gives a request up; None: as gunicorn
            has it that serves this process, or is to serve it.
    """
    return found_in(facts_of(system, server_timeout))


def found_in(facts: Facts) -> list[Finding]:
    """Return what all checks find, the worst first."""
    found = [each for check in CHECKS for each in check(facts)]
    return sorted(found, key=lambda each: (SEVERITIES.index(each.severity), each.where))


def plain(found: Iterable[Finding]) -> dict[str, Any]:
    """Return findings as plain values, for JSON."""
    told = [asdict(each) for each in found]
    counts = Counter(each["severity"] for each in told)
    return {"findings": told, "counts": {each: counts[each] for each in SEVERITIES}}


def facts_of(system: System, server_timeout: float | None = None) -> Facts:
    """Return what there is to look at."""
    chaos = system.chaos.settings if is_made(system, "chaos") else None
    return Facts(
        guards=_whole(guard for _, guard in guarded_runs(system.runtime)),
        circuits=list(system.circuits),
        elapsed=system.runtime.clock.time() - system.started_at,
        deadline=system.web_of(system.settings).deadline,
        server=server_limit() if server_timeout is None else ServerTimeout(server_timeout),
        workers=servers.count(),
        shared=is_made(system, "fleet") and system.fleet.snapshot().address is not None,
        bypassed=list(system.bypassed.items()),
        chaos=chaos,
        production=chaos is not None and is_production(chaos),
        metrics_alone=is_made(system, "metrics") and not is_shared(),
    )


def _whole(guards: Iterable[Guard]) -> list[Guard]:
    """Return the guard of each function with all its layers; each decorator has made one."""
    found: dict[int, Guard] = {}
    for guard in guards:
        known = found.get(id(guard.call))
        if known is None or len(guard.layers) > len(known.layers):
            found[id(guard.call)] = guard
    return sorted(found.values(), key=lambda each: each.name)


# -- checks ---------------------------------------------------------------------------------------


def bypassed_guards(facts: Facts) -> Iterator[Finding]:
    """Find views that were registered before they were guarded."""
    for route, view in facts.bypassed:
        yield Finding(
            "bypassed_guard", ERROR, route,
            f"requests reach {view} without its guard: it was registered before it was guarded",
            "put @circuit and the like below the route's decorator, next to the function",
        )  # fmt: skip


def retries_without_end(facts: Facts) -> Iterator[Finding]:
    """Find retries that nothing limits in time."""
    for guard in facts.guards:
        layer = guard.layer("retry")
        if not isinstance(layer, RetryLayer) or layer.settings.timeout is not None:
            continue
        if guard.layer("timeout") is None and facts.deadline is None:
            yield Finding(
                "retry_without_deadline", WARNING, guard.name,
                f"up to {layer.settings.attempts} attempts, and none of them has to end: a call "
                "that hangs hangs as often, and its request with it",
                "add @timeout(seconds), @retry(timeout=seconds), or the setting web.deadline",
            )  # fmt: skip


def timeouts_beyond_others(facts: Facts) -> Iterator[Finding]:
    """Find time limits that never come to bear, as something else ends the request before."""
    ends = (("the server's timeout", facts.server.seconds), ("web.deadline", facts.deadline))
    for guard in facts.guards:
        layer = guard.layer("timeout")
        if not isinstance(layer, TimeoutLayer):
            continue
        seconds = layer.limit.seconds
        for what, limit in ends:
            if limit is not None and seconds >= limit:
                yield Finding(
                    "timeout_beyond_server", WARNING, guard.name,
                    f"its timeout of {seconds:g} s is not shorter than {what}, {limit:g} s: the "
                    "request is ended first, and no fallback answers",
                    f"give a timeout well below {limit:g} s",
                )  # fmt: skip


def timeouts_held_against_nothing(facts: Facts) -> Iterator[Finding]:
    """Find that nobody knows when the server ends a request."""
    timed = [guard.name for guard in facts.guards if guard.layer("timeout") is not None]
    if timed and facts.server.unknown:
        yield Finding(
            "server_timeout_unknown", HINT, "server",
            f"when it ends a request is not known ({facts.server.unknown}): timeouts such as "
            f"that of {timed[0]} are not held against it",
            "say it by `resilience doctor --server-timeout seconds`",
        )  # fmt: skip


def fallbacks_that_never_ran(facts: Facts) -> Iterator[Finding]:
    """Find fallbacks that answered for none of the failures of their circuit."""
    owners = Counter(guard.component for guard in facts.guards)
    totals = {each.name: each.totals() for each in facts.circuits}
    for guard in facts.guards:
        layer, told = guard.layer("fallback"), totals.get(guard.component)
        if not isinstance(layer, FallbackLayer) or told is None or owners[guard.component] > 1:
            continue
        failed = told.failures + told.rejected
        if failed >= FAILURES and layer.answers.count == 0:
            yield Finding(
                "fallback_never_ran", WARNING, guard.name,
                f"{failed} of its calls failed or were refused, and its fallback answered none",
                "look at its on= and ignore=, and whether somebody calls "
                f"circuit {guard.component!r} without the function",
            )  # fmt: skip


def thresholds_out_of_reach(facts: Facts) -> Iterator[Finding]:
    """Find circuits that see fewer calls in their window than they judge from."""
    for circuit in facts.circuits if facts.elapsed >= JUDGED_FROM else ():
        settings, calls = circuit.settings, circuit.totals().calls
        expected = calls / facts.elapsed * settings.window
        needed = settings.calls_to_judge
        if calls and settings.window_calls is None and expected < needed / 2:
            yield Finding(
                "threshold_out_of_reach", WARNING, circuit.name,
                f"it sees {expected:.1f} calls in its window of {settings.window:g} s, and judges "
                f"from {needed}: it can hardly open",
                f"lower min_calls or failure_threshold to {max(1, int(expected))}, take a longer "
                "window, or count the last calls by window_calls",
            )  # fmt: skip


def workers_on_their_own(facts: Facts) -> Iterator[Finding]:
    """Find several workers that learn each for itself."""
    if facts.workers > 1 and not facts.shared and facts.circuits:
        yield Finding(
            "workers_without_fleet", HINT, "fleet",
            f"{facts.workers} workers share nothing: each has to see a dependency fail by itself, "
            "and an operator's order holds in the one that took it",
            "give the setting fleet.url",
        )  # fmt: skip


def metrics_of_one_worker(facts: Facts) -> Iterator[Finding]:
    """Find several workers each of which tells its own numbers, whichever is asked."""
    if facts.workers > 1 and facts.metrics_alone:
        yield Finding(
            "metrics_of_one_worker", WARNING, "/metrics",
            f"{facts.workers} workers serve, and each answer is of the one that was asked: sums "
            "jump from one scrape to the next",
            f"name an empty folder in the variable {SHARED} before the server starts",
        )  # fmt: skip


def circuits_that_may_wait(facts: Facts) -> Iterator[Finding]:
    """Find circuits around calls that nothing ends: what never returns never counts."""
    for guard in facts.guards:
        circuit = guard.layer("circuit")
        if not isinstance(circuit, CircuitLayer) or guard.layer("timeout") is not None:
            continue
        if circuit.entry.settings.slow_call_duration is None and facts.deadline is None:
            yield Finding(
                "circuit_without_timeout", HINT, guard.name,
                "no timeout of ours is on it: if its client has none either, a call that hangs is "
                "no failure, and the circuit stays closed",
                "give the client a timeout, or add @timeout(seconds)",
            )  # fmt: skip


def chaos_unguarded(facts: Facts) -> Iterator[Finding]:
    """Find experiments that one person alone may run in production."""
    chaos = facts.chaos
    if chaos is not None and chaos.enabled and facts.production and chaos.require_approval is False:
        yield Finding(
            "chaos_unguarded", WARNING, "chaos.require_approval",
            "this is production, and whoever asks for an experiment can run it alone",
            "set chaos.require_approval to true, or leave it out",
        )  # fmt: skip


CHECKS: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    bypassed_guards,
    retries_without_end,
    timeouts_beyond_others,
    timeouts_held_against_nothing,
    fallbacks_that_never_ran,
    thresholds_out_of_reach,
    workers_on_their_own,
    metrics_of_one_worker,
    circuits_that_may_wait,
    chaos_unguarded,
)
