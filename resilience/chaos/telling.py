"""Experiments, planned and running, as the workers of a fleet tell them to each other."""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from resilience.chaos.experiments import Experiment
from resilience.chaos.faults import Fault
from resilience.chaos.leases import LASTS
from resilience.chaos.safety import MOST_PLANS, Plan
from resilience.core.guard import guard_of
from resilience.core.runtime import Runtime
from resilience.errors import ConfigurationError

if TYPE_CHECKING:
    from resilience.chaos.runs import Run
    from resilience.chaos.service import Chaos

PLAN, RUN, ORDER = "plan", "run", "order"
RENEWED = 10.0  # seconds before its end at which a run is told again
Table = dict[str, Any]
SAID = ("name", "target", "duration", "share", "match", "seed")


class Told:
    """What of a system's chaos is told.

    Args:
        chaos: gives what keeps them.
        is_made: tells whether there is a part of that name yet.
        runtime: the system's clock.
    """

    def __init__(
        self, chaos: Callable[[], Chaos], is_made: Callable[[str], bool], runtime: Runtime
    ) -> None:
        self._chaos = chaos
        self._is_made = is_made
        self._clock = runtime.clock
        self._tables: dict[str, tuple[Experiment, Table | None]] = {}

    @staticmethod
    def _described(experiment: Experiment) -> Table | None:
        return table_of(experiment)

    def _table(self, experiment: Experiment) -> Table | None:
        """Return what describes it, made once: what is told is looked at with every exchange."""
        known = self._tables.get(experiment.name)
        if known is None or known[0] is not experiment:
            if len(self._tables) >= 2 * MOST_PLANS:
                self._tables.clear()
            known = self._tables[experiment.name] = experiment, self._described(experiment)
        return known[1]


class ToldPlans(Told):
    """The plans of one worker, told as plain values and taken up from others."""

    def in_force(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        """Return the plans that can be told, by `("plan", name, "order")`.

        Those with functions of this program in them (targets, conditions) cannot: they can be
        approved and run in their own worker only, and who asks is warned.
        """
        plans = self._chaos().plans() if self._is_made("chaos") else ()
        told = {(PLAN, each.experiment.name, ORDER): self._plain(each) for each in plans}
        return {key: plain for key, plain in told.items() if plain is not None}

    def begin(self, name: str, plain: dict[str, Any]) -> None:
        """Take up a plan that another worker told.

        Raises:
            ConfigurationError: what is asked for is unknown here.
            ChaosRefusedError: too many wait already.
        """
        value, ends = plain["value"], plain["ends"]
        left = 0.0 if ends is None else ends - self._clock.time()
        self._chaos().take_plan(
            Plan(
                Experiment.of(value["experiment"]), plain["actor"], value["asked_at"],
                value["approved_by"], self._clock.monotonic() + left, value["approval"],
            )
        )  # fmt: skip

    def end(self, name: str) -> None:
        """Forget a plan: it ran elsewhere."""
        self._chaos().drop_plan(name)

    def _plain(self, plan: Plan) -> dict[str, Any] | None:
        table = self._table(plan.experiment)
        if table is None:
            return None
        left = plan.approved_until - self._clock.monotonic()
        holds = plan.approved_by is not None and left > 0
        value = {
            "experiment": table,
            "asked_at": plan.asked_at,
            "approved_by": plan.approved_by if holds else None,
            "approval": plan.approval if holds else "",
        }
        ends = self._clock.time() + left if holds else None
        return {"value": value, "reason": "", "actor": plan.asked_by, "ends": ends}


class ToldRuns(Told):
    """The runs of one worker, told again and again, and followed by others while they hear it."""

    @staticmethod
    def _described(experiment: Experiment) -> Table | None:
        return table_of(as_others_follow(experiment))

    def in_force(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        """Return what runs here, and what is followed here, by `("run", name, "order")`.

        Experiments that cannot be told to another process run in their own worker only, and who
        runs one is warned.
        """
        if not self._is_made("chaos"):
            return {}
        chaos, found = self._chaos(), {}
        shift = self._clock.time() - self._clock.monotonic()
        for each in chaos.following():
            if not each.is_over:
                told = {**each.plain, "ends": each.until + shift}
                found[RUN, each.experiment.name, ORDER] = told
        for run in chaos.running():
            plain = self._plain(run)
            if plain is not None:
                found[RUN, run.experiment.name, ORDER] = plain
        return found

    def begin(self, name: str, plain: dict[str, Any]) -> None:
        """Follow a run that another worker told, or told again."""
        own = (each.experiment.name for each in self._chaos().running())
        if name not in own:
            self._chaos().elsewhere.follow(plain, plain["ends"] - self._clock.time())

    def end(self, name: str) -> None:
        """End a run: its runner has, or another worker has stopped it."""
        chaos = self._chaos()
        for run in chaos.running():
            if run.experiment.name == name:
                run.abort("another worker of the fleet stopped it")
        chaos.elsewhere.unfollow(name)

    def _plain(self, run: Run) -> dict[str, Any] | None:
        table = self._table(run.experiment)
        if table is None or not run.lease.holds():
            return None
        now = self._clock.monotonic()
        if run.told_until < now + RENEWED:
            run.told_until = min(now + LASTS, now + run.remaining)
        value = {
            "id": run.id,
            "experiment": table,
            "seed": run.seed,
            "lasts": run.duration,
            "started_at": run.started_at,
        }
        ends = self._clock.time() + run.told_until - now
        return {"value": value, "reason": "", "actor": run.actor, "ends": ends}


def as_others_follow(experiment: Experiment) -> Experiment:
    """Return a run as other workers need it.

    What has to hold is looked at by its runner alone, and guarded functions have names.
    """
    targets = tuple(_called(each) for each in experiment.targets)
    return replace(experiment, steady_state=(), target=targets)


def _called(target: Any) -> Any:
    guard = None if isinstance(target, str) else guard_of(target)
    return target if guard is None else f"function:{guard.name}"


def table_of(experiment: Experiment) -> Table | None:
    """Return the table that describes an experiment to another process; None: there is none."""
    try:
        plain: Table = json.loads(json.dumps(_table_of(experiment)))
        return plain if Experiment.of(plain) == experiment else None
    except (TypeError, ValueError, ConfigurationError):
        return None


def untold(experiment: Experiment) -> list[str]:
    """Return the arguments that cannot be told to another process: they are of this program."""
    return [name for name, value in _table_of(experiment).items() if not _is_plain(value)]


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _table_of(experiment: Experiment) -> Table:
    table = {name: getattr(experiment, name) for name in SAID}
    table["fault"] = _fault_table(experiment.fault)
    table["steady_state"] = list(experiment.steady_state)
    return table


def _fault_table(fault: Fault) -> dict[str, Any]:
    said: dict[str, Any] = {"kind": fault.KIND}
    for field in fields(fault):  # type: ignore[arg-type]  # each fault is a dataclass
        value = getattr(fault, field.name)
        said[field.name] = _named(value) if isinstance(value, type) else value
    return said


def _named(kind: type) -> str:
    name: str = kind.__name__
    if getattr(builtins, name, None) is kind:
        return name
    return f"{kind.__module__}:{kind.__qualname__}"
