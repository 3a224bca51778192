"""What the healer works with: settings, actions, whom to ask and whom to tell."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

from resilience.core.runtime import Runtime
from resilience.healing.actions import Action
from resilience.healing.again import Again
from resilience.healing.chronicle import Chronicle
from resilience.healing.components import Component, Incident
from resilience.healing.records import Book
from resilience.healing.settings import ESCALATION, HealerSettings, Strategies
from resilience.healing.surroundings import Surroundings
from resilience.strategies.escalation import Escalation
from resilience.strategies.fallbacks import Fallback
from resilience.strategies.restores import Restore
from resilience.strategies.retries import Retry

LEVELS = {"medium": "reduced", "high": "reduced", "critical": "minimal"}
"""`{severity: level of service}` that a component which cannot be recovered asks for."""

ANSWERING = "answering"
"""The kind of strategies that may answer a caller by themselves."""

OURS = (Again, Retry, Fallback, Restore)
"""Strategies that begin with a call, and do something when it fails."""


class Means:
    """What all recoveries of one healer share.

    Args:
        runtime: its system's clock, chance, events and background engine.
        around: its ways to the rest of the system.
    """

    def __init__(self, runtime: Runtime, around: Surroundings) -> None:
        self.runtime = runtime
        self.around = around
        self.settings = HealerSettings()
        self.book = Book(self.settings.history)
        self.chronicle = Chronicle(runtime, self.book)
        self.actions: dict[str, list[Action]] = {}
        self._handlers: dict[str, Any] = {}
        self.alarm = self._made_alarm()

    def configure(self, settings: HealerSettings) -> None:
        """Put settings in force."""
        before, self.settings = self.settings, settings
        self.book.resize(settings.history)
        if before.channels != settings.channels:
            self.alarm = self._made_alarm()

    def reset(self) -> None:
        """Forget what was written down, whom people were told of, and how often actions ran."""
        self.book.clear()
        self.alarm.reset()
        for actions in self.actions.values():
            for action in actions:
                action.enable()

    def handle(self, channel: str, handler: Any) -> None:
        """Let a handler serve a channel of escalations, from now on."""
        self.alarm.handler(channel)(handler)
        self._handlers[channel] = handler

    def now(self) -> float:
        """Return monotonic seconds."""
        return self.runtime.clock.monotonic()

    def strategies_for(self, incident: Incident) -> Strategies:
        """Return what is tried: what the failed function asks for, else the settings."""
        own: Strategies | None = incident.strategies
        return own or self.settings.strategies_for(incident.failure.category)

    def actions_for(
        self, component: str, error: BaseException | None, *, in_caller: bool
    ) -> tuple[Action, ...]:
        """Return the actions that may help, in the order they are tried."""
        return tuple(
            each
            for each in self.actions.get(component, ())
            if each.in_caller is in_caller and each.applies(error)
        )

    def retry_for(self, component: Component) -> Again:
        """Return the retry of a component's calls; they share its budget."""
        if component.again is None:
            component.again = Again(self.runtime, component.name, Exception, budget=1.0)
        return component.again

    # -- the last rungs -------------------------------------------------------------------------

    def climb(self, component: Component, incident: Incident) -> None:
        """Degrade the app or tell people, after so many recoveries in a row that did not help."""
        threshold = 1 if incident.severity == "critical" else self.settings.escalation_threshold
        if incident.unrecovered >= threshold - 1 and not incident.degraded:
            self.degrade(incident)
        if incident.unrecovered >= threshold and not incident.told:
            reason = f"recoveries that did not help: {incident.unrecovered} in a row"
            self.escalate(component, incident, reason)

    def degrade(self, incident: Incident) -> None:
        """Ask for the level of service that the severity is worth; asked again, it lasts."""
        level = LEVELS.get(incident.severity)
        if level is not None:
            failure = incident.failure
            self.around.lowered(level, f"{failure.component} is not well: {failure.error}")
            incident.degraded = True

    def escalate(
        self, component: Component, incident: Incident, reason: str, by: Escalation | None = None
    ) -> None:
        """Tell people, once for each incident; where somebody has to act, do no more."""
        failure, told_by = incident.failure, by or self.alarm
        incident.told = True
        if told_by.requires_manual_intervention:
            component.stopped_until = inf
        told = told_by.escalate(
            failure.error,
            failure.component,
            level=incident.severity if by is None else None,
            reason=reason,
            name=failure.name,
            category=failure.category,
            severity=incident.severity,
            failures=incident.failures,
        )
        if told:
            self.book.escalated(failure)

    def well(self, component: Component) -> None:
        """Hear that an incident is over: all actions may be tried again.

        Whether people are told again is for the escalation to say: a component that fails and is
        well in turn is one incident to them.
        """
        for action in self.actions.get(component.name, ()):
            action.reconsider()

    def _made_alarm(self) -> Escalation:
        names = self.settings.channels
        served = {name: self._handlers[name] for name in names if name in self._handlers}
        return Escalation(
            "critical",
            names,
            handlers=served,
            name="healer",
            claim=self.around.announce,
            system=self,
        )


def kind_of(strategy: Any) -> str:
    """Return which of the named strategies one is; `ANSWERING` for all others."""
    if isinstance(strategy, str):
        return strategy
    return ESCALATION if isinstance(strategy, Escalation) else ANSWERING


def labels(strategies: Iterable[Any]) -> tuple[str, ...]:
    """Return strategies as people read them."""
    return tuple(each if isinstance(each, str) else _label(each) for each in strategies)


def _label(strategy: Any) -> str:
    kind = type(strategy).__name__.lower()
    name = getattr(strategy, "name", "")
    return f"{kind} {name!r}" if name and name != kind else kind
