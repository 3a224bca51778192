"""What operators order, by name: each checked, done, and told as `operator_acted`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from resilience import signals
from resilience.chaos.experiments import Experiment
from resilience.core.checks import mapping, number
from resilience.core.demand import is_made
from resilience.core.names import did_you_mean
from resilience.degradation.levels import as_level
from resilience.errors import ChaosRefusedError, ConfigurationError
from resilience.healing import servers
from resilience.systems import System

Order = Mapping[str, Any]

NAME, REASON, FOR, LEVEL, PERCENT = "name", "reason", "for", "level", "percent"
EXPERIMENT = "experiment"
LONGEST_FOR = 30 * 86_400.0
LONGEST = 200


class UnknownTargetError(LookupError):
    """There is no circuit or feature of that name; says near ones."""


class NothingToDoError(RuntimeError):
    """What was ordered changes nothing; says why."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that operators can do.

    Args:
        takes: the fields it takes besides `reason`, `{field: required}`.
        act: does it: `act(system, given, reason, actor)`.
        about: what it does, for people.
        alone: whether it is a matter of the worker that takes it, in a fleet too.
    """

    takes: Mapping[str, bool]
    act: Callable[[System, Order, str, str], None]
    about: str
    alone: bool = False


def perform(system: System, order: Order, actor: str) -> dict[str, Any]:
    """Do what an operator orders; return what was done.

    Args:
        system: whose circuits and features it is about.
        order: `{"action": one of ACTIONS, "name": …, "reason": …, "for": seconds, …}`.
        actor: who orders it.

    Raises:
        ConfigurationError: an unknown action or field, or a value that is not allowed.
        UnknownTargetError: no circuit or feature has that name.
        NothingToDoError: it would change nothing.
    """
    name = order.get("action")
    action = ACTIONS.get(name) if isinstance(name, str) else None
    if action is None:
        raise ConfigurationError(f"action={name!r}{did_you_mean(name, ACTIONS)}")
    given = _checked(order, action)
    reason = given.pop(REASON)
    try:
        action.act(system, given, reason, actor)
    except KeyError as error:
        raise UnknownTargetError(str(error.args[0])) from None
    done = {"action": name, "actor": actor, "reason": reason, **given}
    room = str(name).partition(".")[0]
    component = str(given.get(NAME) or ("degradation" if room == "level" else room))
    system.runtime.bus.emit(signals.operator_acted, component, done)
    return done


def _checked(order: Order, action: Action) -> dict[str, Any]:
    known = ("action", REASON, *action.takes)
    for field in order:
        if field not in known:
            raise ConfigurationError(f"unknown field {field!r}{did_you_mean(field, known)}")
    given: dict[str, Any] = {REASON: _reason(order.get(REASON))}
    for field, required in action.takes.items():
        if order.get(field) is not None:
            given[field] = _CHECKS[field](field, order[field])
        elif required:
            raise ConfigurationError(f"{field} is missing: {_WANTED[field]}")
    return given


def _reason(given: Any) -> str:
    if given is None or given == "":
        raise ConfigurationError("reason is missing: say why, in 1 to 200 characters")
    said: str = _printable(_name(REASON, given))
    return said


def _printable(given: Any) -> Any:
    """Return what was sent, with "?" for what would not be seen."""
    if isinstance(given, str):
        return "".join(each if each.isprintable() else "?" for each in given)
    if isinstance(given, list):
        return [_printable(each) for each in given]
    if isinstance(given, dict):
        return {_printable(name): _printable(value) for name, value in given.items()}
    return given


def _name(field: str, value: Any) -> str:
    if isinstance(value, str) and 0 < len(value) <= LONGEST:
        return value
    raise ConfigurationError(f"{field}={value!r}: give a text of 1 to {LONGEST} characters")


def _seconds(field: str, value: Any) -> float:
    return number(field, value, above=0.0, most=LONGEST_FOR)


def _percent(field: str, value: Any) -> float:
    return number(field, value, most=100.0)


_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    NAME: _name,
    FOR: _seconds,
    LEVEL: lambda field, value: str(as_level(field, value)),
    PERCENT: _percent,
    EXPERIMENT: mapping,
}
_WANTED = {
    NAME: "which circuit or feature",
    LEVEL: "normal, reduced, minimal or emergency",
    PERCENT: "a number from 0 to 100",
    FOR: "seconds",
    EXPERIMENT: "a table with name, fault and target",
}


def _on_circuit(method: str) -> Callable[[System, Order, str, str], None]:
    def act(system: System, given: Order, reason: str, actor: str) -> None:
        lasts = {"for_": given[FOR]} if FOR in given else {}
        getattr(system.circuits[given[NAME]], method)(reason=reason, actor=actor, **lasts)

    return act


def _degrade(system: System, given: Order, reason: str, actor: str) -> None:
    system.degradation.degrade(given[LEVEL], reason, actor=actor, for_=given.get(FOR))


def _recover(system: System, _: Order, reason: str, actor: str) -> None:
    system.degradation.recover(reason=reason, actor=actor)
    _everywhere(system, "recover", reason, actor)


def _on_feature(method: str) -> Callable[[System, Order, str, str], None]:
    def act(system: System, given: Order, reason: str, actor: str) -> None:
        name = given[NAME]
        known = [each.name for each in system.degradation.state().features]
        if name not in known:
            raise KeyError(f"no feature {name!r}{did_you_mean(name, known)}")
        percent = (given[PERCENT],) if PERCENT in given else ()
        lasts = {"for_": given[FOR]} if FOR in given else {}
        order = getattr(system.degradation, method)
        order(name, *percent, reason=reason, actor=actor, **lasts)

    return act


def _heal(system: System, given: Order, _: str, __: str) -> None:
    component = given[NAME]
    ill = [each.name for each in system.healer.recoveries.open()]
    if component not in ill:
        said = f"not well are {', '.join(ill[:10])}" if ill else "all is well"
        raise NothingToDoError(
            f"the healer knows of nothing wrong with {component!r}{did_you_mean(component, ill)}: "
            f"{said}"
        )
    if not system.healer.recover(component):
        raise NothingToDoError(f"nothing is left to try for {component!r}, or all places are taken")


def _plan(system: System, given: Order, _: str, actor: str) -> None:
    if not system.chaos.settings.enabled:
        raise ChaosRefusedError("chaos is not enabled: set chaos.enabled to true")
    table = _printable(given[EXPERIMENT])
    if isinstance(seed := table.get("seed"), float) and seed.is_integer():
        table["seed"] = int(seed)  # to JSON they are the same
    experiment = Experiment.of(table)
    try:
        system.chaos.plan(experiment, actor)
    except ConfigurationError as error:
        raise UnknownTargetError(str(error)) from None


def _run(system: System, given: Order, _: str, actor: str) -> None:
    _check_waits(system, given[NAME])
    plan = system.chaos.planned(given[NAME])
    system.chaos.start(plan.experiment, plan.asked_by)


def _approve(system: System, given: Order, _: str, actor: str) -> None:
    _check_waits(system, given[NAME])
    system.chaos.approve(given[NAME], actor)


def _check_waits(system: System, name: str) -> None:
    known = [each.experiment.name for each in system.chaos.plans()]
    if name not in known:
        said = f"no experiment {name!r} waits in this worker{did_you_mean(name, known)}"
        workers = workers_of(system)
        more = f"; another of the {workers} workers may have it: ask again" if workers > 1 else ""
        raise UnknownTargetError(said + more)


def workers_of(system: System) -> int:
    """Return how many workers the app has, as far as this one knows."""
    told = system.fleet.snapshot() if is_made(system, "fleet") else None
    return servers.count() if told is None or told.address is None else max(1, told.workers)


def _halt(system: System, _: Order, reason: str, actor: str) -> None:
    system.chaos.halt(reason, actor)
    _everywhere(system, "halt", reason, actor)


def _everywhere(system: System, command: str, reason: str, actor: str) -> None:
    if is_made(system, "fleet"):
        system.fleet.command(command, reason, actor)


_TIMED = {NAME: True, FOR: False}
_NAMED = {NAME: True}

ACTIONS: Mapping[str, Action] = {
    "circuit.force_open": Action(_TIMED, _on_circuit("force_open"), "Reject all its calls."),
    "circuit.force_closed": Action(_TIMED, _on_circuit("force_closed"), "Admit all its calls."),
    "circuit.disable": Action(_TIMED, _on_circuit("disable"), "Admit its calls, and count none."),
    "circuit.shadow": Action(_TIMED, _on_circuit("shadow"), "Record, but reject nothing."),
    "circuit.release": Action(_NAMED, _on_circuit("release"), "End an order on it."),
    "circuit.reset": Action(_NAMED, _on_circuit("reset"), "Close it, and forget its counts."),
    "level.degrade": Action({LEVEL: True, FOR: False}, _degrade, "Set the level of service."),
    "level.recover": Action({}, _recover, "Go back to what rules say."),
    "feature.enable": Action(_TIMED, _on_feature("enable"), "Switch it on."),
    "feature.disable": Action(_TIMED, _on_feature("disable"), "Switch it off."),
    "feature.kill": Action(_NAMED, _on_feature("kill"), "Switch it off, whatever else is said."),
    "feature.rollout": Action(
        {**_TIMED, PERCENT: True}, _on_feature("set_rollout"), "Give it to a share."
    ),
    "healer.recover": Action(
        _NAMED, _heal, "Recover a component now, whatever limits say.", alone=True
    ),
    "chaos.plan": Action({EXPERIMENT: True}, _plan, "Ask for an experiment."),
    "chaos.approve": Action(_NAMED, _approve, "Let somebody else's experiment run once."),
    "chaos.run": Action(_NAMED, _run, "Begin an experiment that was asked for.", alone=True),
    "chaos.halt": Action({}, _halt, "Stop all experiments at once."),
    "feature.release": Action(_NAMED, _on_feature("release"), "End all orders on it."),
}
"""`{name: action}`"""
