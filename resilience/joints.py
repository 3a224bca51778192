"""The healer's ways to the other parts of a system, which do not know each other."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator
from typing import Any

from resilience.circuits.states import CircuitState
from resilience.core.demand import is_made
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

    return Surroundings(verify=verify, is_flapping=is_flapping, degrade=degrade, unwell=unwell)


MOST = 20
"""How many names a worker tells of what is not well with it."""


def about(parts: Parts, *, leaving: bool) -> dict[str, Any]:
    """Return what a worker tells the fleet of itself: small, as it is told again and again."""
    circuits = parts.circuits if is_made(parts, "circuits") else ()
    ill = _symptoms(parts) if is_made(parts, "health") else ()
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": parts.runtime.started_at,
        "level": str(parts.degradation.level) if is_made(parts, "degradation") else "normal",
        "open": [each.name for each in circuits if each.state not in OK][:MOST],
        "ill": [each.component for each in ill][:MOST],
        "leaving": leaving,
    }


def _symptoms(parts: Parts) -> Iterator[Symptom]:
    for component in parts.health.report().components.values():
        if component.status == "fail":
            failing = next((each for each in component.checks if each.status == "fail"), None)
            name = "health" if failing is None else failing.name
            said = None if failing is None else failing.output
            yield Symptom(component.name, name, said or "its check fails", component.criticality)
