"""The healer's ways to the other parts of a system, which do not know each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from resilience.core.demand import is_made
from resilience.healing.surroundings import Surroundings, Symptom
from resilience.parts import Parts


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


def _symptoms(parts: Parts) -> Iterator[Symptom]:
    for component in parts.health.report().components.values():
        if component.status == "fail":
            failing = next((each for each in component.checks if each.status == "fail"), None)
            name = "health" if failing is None else failing.name
            said = None if failing is None else failing.output
            yield Symptom(component.name, name, said or "its check fails", component.criticality)
