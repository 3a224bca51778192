"""The healer's ways to the other parts of a system, which do not know each other."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator
from typing import Any

from resilience.circuits.states import CircuitState
from resilience.core.demand import is_made
from resilience.fleet.leases import Lease
from resilience.fleet.service import Fleet
from resilience.healing.surroundings import Surroundings, Symptom
from resilience.parts import Parts

OK = (CircuitState.CLOSED, CircuitState.FORCED_CLOSED)


def surroundings_of(parts: Parts) -> Surroundings:
    """Return what lets the healer of a system ask its health and change its level of service."""

    def verify(component: str) -> bool | None:
        return parts.health.verify(component) if is_made(parts, "health") else None

    def is_flapping(component: str) -> bool:
        return is_made(parts, "health") and parts.health.flapping(component)

    def degrade(level: str, reason: str) -> None:
        parts.degradation.degrade(level, reason, trigger="healer")

    def unwell() -> Iterable[Symptom]:
        return _symptoms(parts) if is_made(parts, "health") else ()

    fleet = FleetOfHealer(parts)
    return Surroundings(
        verify=verify, claim=fleet.claim, degrade=degrade, is_flapping=is_flapping,
        spread=fleet.spread, announce=fleet.announce, unwell=unwell,
    )  # fmt: skip


class Granted:
    """The claim of one recovery: called, it gives it back."""

    def __init__(self, lease: Lease) -> None:
        self.holds = lease.holds
        self._lease = lease

    def __call__(self) -> None:
        """Give it back."""
        self._lease.release()


class FleetOfHealer:
    """The fleet, as a healer asks it; all of it may wait.

    Args:
        parts: the system's.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def claim(self, component: str) -> Granted | None:
        """Return the claim on a component.

        While the store is gone each worker recovers what is its own, as it would alone.
        """
        fleet = self._fleet()
        if fleet is None or fleet.is_cut_off:
            return Granted(Fleet.alone(f"recover {component}"))
        lease = fleet.claim(f"recover {component}"[:LONGEST])
        return None if lease is None else Granted(lease)

    def spread(self, component: str) -> float:
        """Return the share of the live workers, 0-1, in which a component is down."""
        fleet = self._fleet()
        roll = [] if fleet is None else fleet.roll()
        ill = sum(1 for each in roll if component in each.about.get("ill", ()))
        return ill / len(roll) if len(roll) > 1 and ill > 1 else 0.0

    def announce(self, component: str) -> bool:
        """Tell whether this worker is to tell people; rather twice than never."""
        fleet = self._fleet()
        if fleet is None or fleet.is_cut_off:
            return True
        told = fleet.claim(f"tell of {component}"[:LONGEST], lasts=TOLD_ONCE_IN, renewed=False)
        return told is not None or fleet.is_cut_off

    def _fleet(self) -> Fleet | None:
        made = is_made(self._parts, "fleet") and self._parts.fleet.snapshot().address is not None
        return self._parts.fleet if made else None


LONGEST = 200
TOLD_ONCE_IN = 300.0  # seconds in which the fleet tells people once of one component
MOST = 20
"""How many names a worker tells of what is not well with it."""


def about(parts: Parts, *, leaving: bool) -> dict[str, Any]:
    """Return what a worker tells the fleet of itself: small, as it is told again and again."""
    circuits = parts.circuits if is_made(parts, "circuits") else ()
    ill = [each.component for each in _symptoms(parts)] if is_made(parts, "health") else []
    if is_made(parts, "healer"):
        ill += [each.name for each in parts.healer.recoveries.open()]
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": parts.runtime.started_at,
        "level": str(parts.degradation.level) if is_made(parts, "degradation") else "normal",
        "open": [each.name for each in circuits if each.state not in OK][:MOST],
        "ill": list(dict.fromkeys(ill))[:MOST],
        "chaos": parts.chaos.elsewhere.counts() if is_made(parts, "chaos") else {},
        "leaving": leaving or (is_made(parts, "rotation") and parts.rotation.is_out),
    }


def _symptoms(parts: Parts) -> Iterator[Symptom]:
    for component in parts.health.report().components.values():
        if component.status == "fail":
            failing = next((each for each in component.checks if each.status == "fail"), None)
            name = "health" if failing is None else failing.name
            said = None if failing is None else failing.output
            yield Symptom(component.name, name, said or "its check fails", component.criticality)
