"""Where a fault goes: the guarded functions and circuits that a target's name means."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from resilience.chaos.surroundings import Surroundings
from resilience.circuits.breaker import Circuit
from resilience.core.guard import Guard, guard_of, guarded_runs
from resilience.core.names import did_you_mean
from resilience.core.views import View
from resilience.errors import ConfigurationError
from resilience.limits.bulkheads import Bulkhead

Call = Callable[..., Any]
Run = tuple[Call, Guard]

ROUTE, CALLS, COMPONENT = "route", "calls", "component"


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
        kind: circuit, feature, component, bulkhead, function, route, calls, or several.
        name: the name, without its kind.
        runs: the guarded calls, each with its guard.
        circuits: circuits that are used without a decorator, too.
        views: the views of a route that have no guard.
        parts: of several targets, each by itself, in the order in which they fail.
    """

    kind: str
    name: str
    runs: tuple[Run, ...] = ()
    circuits: tuple[Circuit, ...] = ()
    views: tuple[View, ...] = ()
    parts: tuple[Aim, ...] = ()

    @property
    def guards(self) -> Iterator[Guard]:
        """The guards of the functions that it is about."""
        return (guard for _, guard in self.runs)

    @property
    def route(self) -> str:
        """The route whose requests alone are hit; "" for any, and for calls outside of requests."""
        return self.name if self.kind in (ROUTE, CALLS) else ""

    @property
    def circuit_names(self) -> list[str]:
        """The circuits that are expected to open."""
        of_guards = (_ASPECTS["circuit"](guard) for guard in self.guards)
        names = (*(each.name for each in self.circuits), *of_guards)
        return list(dict.fromkeys(name for name in names if name))

    def narrowed(self, places: Collection[int]) -> Aim:
        """Return what was met of it, where it is all that might have been.

        Args:
            places: the guards and circuits that were, by `id`.
        """
        if self.kind != CALLS:
            return self
        return replace(
            self,
            runs=tuple(each for each in self.runs if id(each[1]) in places),
            circuits=tuple(each for each in self.circuits if id(each) in places),
        )

    def places_of(self, circuit: str) -> set[int]:
        """Return the guards that a circuit is in, and the circuit itself, by `id`."""
        guards = {id(each) for each in self.guards if _ASPECTS["circuit"](each) == circuit}
        return guards | {id(each) for each in self.circuits if each.name == circuit}

    def concerns(self, circuit: str) -> bool:
        """Tell whether a circuit is one of them, or made by key from one."""
        return any(circuit == each or circuit.startswith(f"{each}[") for each in self.circuit_names)

    def overlaps(self, other: Aim) -> bool:
        """Tell whether two targets have a call in common."""
        return bool(self._calls & other._calls)

    @property
    def _calls(self) -> set[object]:
        of_guards = (id(each) for each in (*(run for run, _ in self.runs), *self.circuits))
        return {*of_guards, *(each.route for each in self.views)}


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
    if kind == CALLS and name:
        return _aim_at_calls(name, runs, around)
    if (kind == ROUTE and name) or target.startswith("/"):
        return _aim_at_route(name if kind == ROUTE else target, runs, around)
    kinds, wanted = ([kind], name) if kind in _ASPECTS and name else ([*_ASPECTS], target)
    tried = (_found(each, wanted, runs, around) for each in kinds)
    found = next((aim for aim in tried if aim is not None), None)
    if found is None:
        known = [_ASPECTS[each](guard) or "" for _, guard in runs for each in kinds]
        known += [each.name for each in around.circuits()] if "circuit" in kinds else []
        near = did_you_mean(wanted, {*known} - {""})
        raise ConfigurationError(f"unknown target {target!r}{near}")
    return found


def _aim_at_route(route: str, runs: list[Run], around: Surroundings) -> Aim:
    """Return the views of a route: where one is guarded, as a call inside its guard."""
    views = [each for each in around.views() if each.route == route]
    if not views:
        known = {each.route for each in around.views()}
        raise ConfigurationError(
            f"unknown target {ROUTE}:{route}{did_you_mean(route, known)}: give a route of the app "
            "as the framework writes it"
        )
    inside = {id(each): [run for run in runs if run[1] is guard_of(each.call)] for each in views}
    found = {id(run): (run, guard) for each in views for run, guard in inside[id(each)]}
    bare = tuple(each for each in views if not inside[id(each)])
    return Aim(ROUTE, route, tuple(found.values()), views=bare)


def _aim_at_calls(route: str, runs: list[Run], around: Surroundings) -> Aim:
    """Return all that requests of a route may call: the ones that do are known only then."""
    known = {each.route for each in around.views()} | set(around.routes())
    if route not in known:
        raise ConfigurationError(
            f"unknown target {CALLS}:{route}{did_you_mean(route, known)}: give a route of the app "
            "as the framework writes it"
        )
    return Aim(CALLS, route, tuple(runs), tuple(around.circuits()))


def _several(parts: tuple[Aim, ...]) -> Aim:
    for place, part in enumerate(parts):
        if any(part.overlaps(earlier) for earlier in parts[:place]):
            raise ConfigurationError(f"target {part.name!r} is among the targets twice")
        if part.route:
            raise ConfigurationError(
                f"target {part.kind}:{part.name}: a route is a target by itself"
            )
    name = " → ".join(each.name for each in parts)
    runs = tuple(run for part in parts for run in part.runs)
    circuits = tuple(circuit for part in parts for circuit in part.circuits)
    return Aim("several", name, runs, circuits, parts=parts)


def _aim_at_function(target: Any, runs: list[Run]) -> Aim:
    guard = guard_of(target)
    found = tuple((run, each) for run, each in runs if each is guard)
    if guard is None or not found:
        raise ConfigurationError(f"target {target!r} has no guard of this system")
    return Aim("function", guard.name, found)


def _found(kind: str, name: str, runs: list[Run], around: Surroundings) -> Aim | None:
    aspect = _ASPECTS[kind]
    concerned = tuple((run, guard) for run, guard in runs if aspect(guard) == name)
    circuits = tuple(_circuits(name, around)) if kind == "circuit" else ()
    return Aim(kind, name, concerned, circuits) if concerned or circuits else None


def _circuits(name: str, around: Surroundings) -> Iterator[Circuit]:
    for each in around.circuits():
        if each.name == name:
            yield each
