"""Where a fault goes: the guarded functions and circuits that a target's name means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from resilience.chaos.surroundings import Surroundings
from resilience.circuits.breaker import Circuit
from resilience.core.guard import Guard, guard_of, guarded_runs
from resilience.core.names import did_you_mean
from resilience.errors import ConfigurationError
from resilience.limits.bulkheads import Bulkhead

Call = Callable[..., Any]

ROUTE, COMPONENT = "route", "component"


def _bulkhead_of(guard: Guard) -> str | None:
    entry = getattr(guard.layer("bulkhead"), "entry", None)
    return entry.name if isinstance(entry, Bulkhead) else None


_ASPECTS: dict[str, Callable[[Guard], str | None]] = {
    "circuit": lambda guard: getattr(guard.layer("circuit"), "component", None),
    "feature": lambda guard: getattr(guard.layer("feature"), "feature", None),
    COMPONENT: lambda guard: getattr(guard.layer("heal"), "healed", None) or guard.component,
    "bulkhead": _bulkhead_of,
    "function": lambda guard: guard.name,
}
"""What a guard is known by; a name without a prefix is looked for in this order."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What a target's name means.

    Args:
        kind: circuit, feature, component, bulkhead, function, route, or several.
        name: the name, without its kind.
        runs: the guarded calls, each with its guard.
        circuits: circuits that are used without a decorator, too.
        parts: of several targets, each by itself, in the order in which they fail.
    """

    kind: str
    name: str
    runs: tuple[tuple[Call, Guard], ...] = ()
    circuits: tuple[Circuit, ...] = ()
    parts: tuple[Aim, ...] = ()

    @property
    def guards(self) -> Iterator[Guard]:
        """The guards of the functions that it is about."""
        return (guard for _, guard in self.runs)

    @property
    def circuit_names(self) -> list[str]:
        """The circuits that are expected to open."""
        of_guards = (_ASPECTS["circuit"](guard) for guard in self.guards)
        names = (*(each.name for each in self.circuits), *of_guards)
        return list(dict.fromkeys(name for name in names if name))

    def concerns(self, circuit: str) -> bool:
        """Tell whether a circuit is one of them, or made by key from one."""
        return any(circuit == each or circuit.startswith(f"{each}[") for each in self.circuit_names)

    def overlaps(self, other: Aim) -> bool:
        """Tell whether two targets have a call in common."""
        calls = {id(run) for run, _ in self.runs} | {id(each) for each in self.circuits}
        others = {id(run) for run, _ in other.runs} | {id(each) for each in other.circuits}
        return bool(calls & others)


def aim_at(target: Any, runtime: object, around: Surroundings) -> Aim:
    """Return what a target means in a system.

    Args:
        target: its name, or a guarded function.
        runtime: the ground of the system.
        around: the system's parts.

    Raises:
        ConfigurationError: nothing has that name; says near ones.
    """
    if isinstance(target, tuple):
        return _several(tuple(aim_at(each, runtime, around) for each in target))
    runs = guarded_runs(runtime)
    if not isinstance(target, str):
        return _aim_at_function(target, runs)
    kind, _, name = target.partition(":")
    if (kind == ROUTE and name) or target.startswith("/"):
        return _aim_at_route(name if kind == ROUTE else target, runs, around)
    if kind in _ASPECTS and name:
        found = _found(kind, name, runs, around)
    else:
        tried = (_found(each, target, runs, around) for each in _ASPECTS)
        found = next((aim for aim in tried if aim is not None), None)
    if found is None:
        known = {aspect(guard) or "" for _, guard in runs for aspect in _ASPECTS.values()}
        known |= {each.name for each in around.circuits()}
        raise ConfigurationError(f"unknown target {target!r}{did_you_mean(target, known)}")
    return found


def _aim_at_route(route: str, runs: list[tuple[Call, Guard]], around: Surroundings) -> Aim:
    """Return all that requests of a route may call: the ones that do are known only then."""
    known = around.routes()
    if route not in known:
        raise ConfigurationError(
            f"unknown target {ROUTE}:{route}{did_you_mean(route, known)}: give the route of a "
            "request that was served, as the framework writes it"
        )
    return Aim(ROUTE, route, tuple(runs), tuple(around.circuits()))


def _several(parts: tuple[Aim, ...]) -> Aim:
    for place, part in enumerate(parts):
        if any(part.overlaps(earlier) for earlier in parts[:place]):
            raise ConfigurationError(f"target {part.name!r} is among the targets twice")
        if part.kind == ROUTE:
            raise ConfigurationError(f"target {ROUTE}:{part.name}: a route is a target by itself")
    name = " → ".join(each.name for each in parts)
    runs = tuple(run for part in parts for run in part.runs)
    circuits = tuple(circuit for part in parts for circuit in part.circuits)
    return Aim("several", name, runs, circuits, parts)


def _aim_at_function(target: Any, runs: list[tuple[Call, Guard]]) -> Aim:
    guard = guard_of(target)
    found = tuple((run, each) for run, each in runs if each is guard)
    if guard is None or not found:
        raise ConfigurationError(f"target {target!r} has no guard of this system")
    return Aim("function", guard.name, found)


def _found(
    kind: str, name: str, runs: list[tuple[Call, Guard]], around: Surroundings
) -> Aim | None:
    aspect = _ASPECTS[kind]
    concerned = tuple((run, guard) for run, guard in runs if aspect(guard) == name)
    circuits = tuple(_circuits(name, around)) if kind == "circuit" else ()
    return Aim(kind, name, concerned, circuits) if concerned or circuits else None


def _circuits(name: str, around: Surroundings) -> Iterator[Circuit]:
    for each in around.circuits():
        if each.name == name:
            yield each
