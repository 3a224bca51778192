"""What experiments see of the rest of a system."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from resilience.chaos.steady import Measure
from resilience.circuits.registry import Circuits
from resilience.core.views import View
from resilience.fleet.leases import Lease
from resilience.limits.registry import Bulkheads

Call = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The parts of a system that experiments are about.

    Args:
        circuits: gives the circuits.
        bulkheads: gives the bulkheads.
        measure: gives the number of a metric.
        level: gives the level of service, by name.
        views: gives the views that the apps serve their routes with.
        routes: gives the routes of the requests that were served.
        claim: `claim(places)` gives the right to run one of so many experiments in the fleet, or
            None: others have it, or the fleet's store does not answer.
        use: `use(approval)` gives the right to begin the one run that an approval allows, or None:
            another worker has, or the fleet's store does not answer.
        others: `others(run)` gives `(calls, injected)` of each other worker in which that run of
            this one is in force, as last heard; it does not wait.
        shares: tells whether there are other workers, in a fleet.
        inside_checks: `inside_checks(component, wrap)` lets the component's health checks run as
            `wrap` makes of them, and returns what ends that.
    """

    circuits: Callable[[], Circuits]
    bulkheads: Callable[[], Bulkheads]
    measure: Measure
    level: Callable[[], str]
    views: Callable[[], Iterable[View]]
    routes: Callable[[], Collection[str]]
    claim: Callable[[int], Lease | None]
    use: Callable[[str], Lease | None]
    others: Callable[[str], list[tuple[int, int]]]
    shares: Callable[[], bool]
    inside_checks: Callable[[str, Callable[[Call], Call]], Callable[[], None]]
