"""One recovery of a component, in the background: strategies in order, each verified."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from resilience.healing.actions import Action, Outcome
from resilience.healing.again import Again
from resilience.healing.components import Component, Incident
from resilience.healing.means import OURS, Means, kind_of, labels
from resilience.healing.records import Result
from resilience.healing.settings import ACTION, DEGRADE, ESCALATION, RETRY
from resilience.notify import shortened
from resilience.strategies.escalation import Escalation
from resilience.strategies.retries import Retry

log = logging.getLogger("resilience")

Attempt = Callable[[], Result]

SAID = "as the strategies for it say"


class NotWellError(Exception):
    """The component's check does not pass."""


class Treatment:
    """Tries what may recover a component until a check says that it did.

    What was tried before in the same incident and did not help comes last.

    Args:
        means: what to work with.
        component: what is ill.
        incident: what is wrong with it.
    """

    def __init__(self, means: Means, component: Component, incident: Incident) -> None:
        self._means = means
        self._component = component
        self._incident = incident
        self.strategy = ""
        self.steps: list[str] = []
        self.holds: Callable[[], bool] = _always  # whether it is still this worker's to recover
        self._said = ""  # what came of a step, in other words than its result

    @property
    def strategies(self) -> tuple[str, ...]:
        """What is tried, in order."""
        return labels(self._means.strategies_for(self._incident))

    def has_work(self, *, looks: bool = True) -> bool:
        """Tell whether there is anything that may end the incident.

        Args:
            looks: whether it counts to look again if it is well by itself.
        """
        last_rungs = (DEGRADE, ESCALATION) if looks else (RETRY, DEGRADE, ESCALATION)
        return any(kind not in last_rungs for kind, _, _ in self._attempts())

    def run(self) -> Result:
        """Try one after the other; return how it ended."""
        attempts = [(label, attempt) for _, label, attempt in self._attempts()]
        fresh = [each for each in attempts if each[0] not in self._incident.tried]
        if not fresh:
            self._incident.tried.clear()
        for label, attempt in fresh or attempts:
            if not self.holds():
                self.steps.append("another worker of the fleet has taken it over")
                break
            self.strategy = label
            self._incident.tried.add(label)
            result = self._made(label, attempt)
            if result.helped:
                self._follow_up(label)
                return result
        return Result.FAILED

    def _attempts(self) -> Iterator[tuple[str, str, Attempt]]:
        """Yield kind, label and what to do, in the order they are tried."""
        strategies = self._means.strategies_for(self._incident)
        for strategy, label in zip(strategies, labels(strategies), strict=True):
            kind = kind_of(strategy)
            if kind == ACTION:
                for action in self._incident.actions:
                    yield ACTION, f"action {action.name!r}", partial(self._act, action)
            elif (attempt := self._attempt(kind, strategy)) is not None:
                yield RETRY if attempt == self._look_again else kind, label, attempt

    def _attempt(self, kind: str, strategy: Any) -> Attempt | None:
        """Return what a strategy does for a component; None: it only answers callers."""
        if kind == RETRY or isinstance(strategy, Retry):
            return None if self._component.checked is False else self._look_again
        if kind == DEGRADE:
            return self._degrade
        if kind == ESCALATION:
            return partial(self._escalate, strategy)
        recovers = getattr(strategy, "recovers", False)
        return partial(self._recovered_by, strategy) if recovers else None

    def _made(self, label: str, attempt: Attempt) -> Result:
        self._said = ""
        try:
            result = attempt()
        except NotWellError:
            result = Result.FAILED
        except BaseException as error:  # everything: this thread is its own, and does not end
            log.exception("%s of %r failed", label, self._component.name)
            result, self._said = Result.FAILED, f"failed ({shortened(error)})"
        self.steps.append(f"{label}: {self._said or result.value}")
        return result

    def _follow_up(self, helped: str) -> None:
        """Run what is to follow a recovery, whatever came of it: it was one already."""
        name, cause = self._component.name, self._incident.cause
        for action in self._means.actions_for(name, cause, in_caller=False):
            label = f"action {action.name!r}"
            if action.follows and label != helped:
                self._made(label, partial(self._act, action))

    def _act(self, action: Action) -> Result:
        """Run an action; it helped if the component's health check passes after it."""
        settle = self._means.runtime.engine.settle
        record = action.run(verify=self._verified, settle=settle)
        detail = f" ({record.detail})" if record.detail else ""
        self._said = f"{record.outcome.value}{detail}"
        if record.outcome is Outcome.VERIFIED:
            # A check of the action's own is about what it did; the component's about what counts.
            is_ill = action.verify is not None and self._verified() is False
            return Result.FAILED if is_ill else Result.SUCCEEDED
        unknown = record.outcome in (Outcome.CHANGED, Outcome.DONE)
        return Result.UNVERIFIED if unknown else Result.FAILED

    def _look_again(self) -> Result:
        """Look whether it is well by now, a few times."""
        again = Again(self._means.runtime, self._component.name, NotWellError, None)
        if again.call(self._must_be_well) is None:
            self._said = "skipped: there is no check to look at"
            return Result.FAILED
        return Result.SUCCEEDED

    def _recovered_by(self, strategy: Any) -> Result:
        """Let a strategy recover it, as if the call that failed were the health check."""
        cause = self._incident.cause
        causes = [cause]

        def probe() -> bool | None:
            if causes:
                raise causes.pop()
            return self._must_be_well()

        try:
            well = strategy.call(probe)
        except Exception as error:
            if error is not cause or isinstance(strategy, OURS):
                raise
            well = self._must_be_well()  # one that acts, and then makes the call, has acted
        verified = well is True or getattr(strategy, "verifies", False)
        return Result.SUCCEEDED if verified else Result.UNVERIFIED

    def _degrade(self) -> Result:
        self._said = "done"
        self._means.degrade(self._incident)
        return Result.FAILED

    def _escalate(self, by: Any) -> Result:
        self._said = "done"
        chosen = by if isinstance(by, Escalation) else None
        self._means.escalate(self._component, self._incident, SAID, chosen)
        return Result.FAILED

    def _must_be_well(self) -> bool | None:
        well = self._verified()
        if well is False:
            raise NotWellError
        return well

    def _verified(self) -> bool | None:
        well = self._means.around.verified(self._component.name)
        self._component.checked = well is not None
        return well


def _always() -> bool:
    return True
