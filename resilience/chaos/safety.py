"""Who may run what, and where: the reasons for which an experiment is refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from resilience.chaos.experiments import Experiment
from resilience.chaos.settings import ChaosSettings
from resilience.core.checks import text
from resilience.core.names import did_you_mean
from resilience.errors import ChaosRefusedError

VARIABLES = ("RESILIENCE_ENV", "APP_ENV", "ENVIRONMENT", "FLASK_ENV", "DJANGO_ENV")
APPROVED_FOR = 3600.0
"""Seconds for which an approval holds, for one run."""

MOST_PLANS = 100


def is_production(settings: ChaosSettings) -> bool:
    """Tell whether this is production, by the setting or the environment."""
    if settings.production is not None:
        return settings.production
    said = (os.environ.get(each, "").strip().lower() for each in VARIABLES)
    return any(each in ("production", "prod", "live") for each in said)


def check_allowed(experiment: Experiment, duration: float, settings: ChaosSettings) -> None:
    """Refuse what the settings do not allow.

    Raises:
        ChaosRefusedError: says which setting stands against it.
    """
    kind = experiment.fault.KIND
    if not settings.enabled:
        raise ChaosRefusedError("chaos is not enabled: set chaos.enabled to true")
    if settings.safe_mode and is_production(settings) and not settings.allow_production:
        raise ChaosRefusedError("this is production, and chaos.allow_production is not set")
    if kind not in settings.allowed_faults:
        allowed = ", ".join(settings.allowed_faults) or "none"
        raise ChaosRefusedError(f"fault {kind!r} is not in chaos.allowed_faults: {allowed}")
    if duration > settings.max_duration:
        raise ChaosRefusedError(
            f"{duration:g} s is longer than chaos.max_duration, {settings.max_duration:g} s"
        )


def needs_approval(settings: ChaosSettings) -> bool:
    """Tell whether somebody else has to approve each run."""
    if settings.require_approval is None:
        return is_production(settings)
    return settings.require_approval


@dataclass(slots=True)
class Plan:
    """An experiment that somebody asked for.

    Args:
        experiment: what is to run.
        asked_by: who asked; None: the program itself.
        asked_at: wall-clock seconds since 1970-01-01 UTC.
        approved_by: who approved it; None: nobody yet.
        approved_until: monotonic seconds until which that holds.
        approval: a name of its own of that approval, which lets one run begin; "": there is none.
    """

    experiment: Experiment
    asked_by: str | None
    asked_at: float
    approved_by: str | None = None
    approved_until: float = 0.0
    approval: str = ""


class Plans:
    """The experiments that wait for approval, by name.

    Args:
        monotonic: the system's clock.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._plans: dict[str, Plan] = {}

    def __iter__(self) -> Iterator[Plan]:
        return iter(list(self._plans.values()))

    def add(self, experiment: Experiment, asked_by: str | None, now: float) -> Plan:
        """Keep a plan; the same asked for again keeps its approval, another one has none.

        Raises:
            ChaosRefusedError: too many wait already.
        """
        known = self._plans.get(experiment.name)
        if known is not None and known.experiment == experiment and known.asked_by == asked_by:
            return known
        return self.put(Plan(experiment, asked_by, now))

    def put(self, plan: Plan) -> Plan:
        """Keep a plan in place of another one of its name.

        Raises:
            ChaosRefusedError: too many wait already.
        """
        name = plan.experiment.name
        if name not in self._plans and len(self._plans) >= MOST_PLANS:
            raise ChaosRefusedError(f"{MOST_PLANS} experiments wait for approval already")
        self._plans[name] = plan
        return plan

    def approve(self, name: str, actor: str) -> Plan:
        """Approve a plan for one run within the hour.

        Raises:
            ChaosRefusedError: there is none of that name, or it is the actor's own.
            ConfigurationError: no actor.
        """
        text("actor", actor)
        plan = self.get(name)
        if actor == plan.asked_by:
            raise ChaosRefusedError(f"{actor} asked for {name!r}: somebody else has to approve it")
        plan.approved_by, plan.approval = actor, os.urandom(6).hex()
        plan.approved_until = self._monotonic() + APPROVED_FOR
        return plan

    def get(self, name: str) -> Plan:
        """Return a plan.

        Raises:
            ChaosRefusedError: there is none of that name; says near ones.
        """
        try:
            return self._plans[name]
        except KeyError:
            known = did_you_mean(name, self._plans)
            raise ChaosRefusedError(f"no experiment {name!r} waits for approval{known}") from None

    def check(self, experiment: Experiment, asked_by: str | None) -> str:
        """Return the approval; refuse what was not approved.

        Raises:
            ChaosRefusedError: nobody approved it yet, or too long ago.
        """
        plan = self._plans.get(experiment.name)
        if (
            plan is None
            or plan.experiment != experiment
            or plan.asked_by != asked_by
            or plan.approved_by is None
            or self._monotonic() >= plan.approved_until
        ):
            raise ChaosRefusedError(
                f"{experiment.name!r} waits for approval by somebody else than who asked"
            )
        return plan.approval

    def discard(self, name: str) -> None:
        """Forget a plan: it runs, and may do so only once."""
        self._plans.pop(name, None)
