"""Actions that look for their trigger themselves, instead of waiting for a call to fail."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Unpack

from resilience.core.categories import RESOURCE
from resilience.healing.actions import Action, ActionOptions, ActionRecord, Outcome
from resilience.healing.chronicle import CHECK
from resilience.healing.failures import Failure
from resilience.healing.failures import severity as checked_severity
from resilience.healing.means import Means
from resilience.healing.records import Result

Tell = Callable[[str], object]

_RESULTS = {
    Outcome.VERIFIED: Result.SUCCEEDED,
    Outcome.CHANGED: Result.UNVERIFIED,
    Outcome.DONE: Result.UNVERIFIED,
}


class WatchfulAction(Action):
    """An action that is due by a condition, such as memory over a limit; over when that is.

    `system.healer.watch(action)` has it looked at in the background. What it recovers belongs to
    this process, so no other worker is asked, and that others have the same trouble is no reason
    to leave it.

    Args:
        component: what it recovers.
        options: those of `Action`; by default it is verified by its own condition.
    """

    def __init__(self, component: str, **options: Unpack[ActionOptions]) -> None:
        super().__init__(component, **options)
        self.tell: Tell | None = None  # people, where the action can do no more
        if self.verify is None:
            self.verify = self._is_over

    @abstractmethod
    def due(self) -> str | None:
        """Return why it should run now, in words; None: it should not. Costs little."""

    def _is_over(self) -> bool:
        return self.due() is None

    def applies(self, error: BaseException | None) -> bool:
        """Tell whether it is due; whatever else failed is not its business."""
        return self.due() is not None

    def wanted(self) -> str | None:
        """Return why it is to run, if it is due and may run."""
        return None if self.refusal() is not None else self.due()

    def look(self) -> None:
        """Run it if it is wanted."""
        if self.wanted() is not None:
            self.run()


class Watch:
    """A healer's look at one action, again and again.

    Args:
        means: the healer's.
        action: what to run when it is due.
        severity: how much it matters that it is.

    Raises:
        ConfigurationError: an unknown severity.
    """

    def __init__(self, means: Means, action: WatchfulAction, severity: str) -> None:
        self._means = means
        self._action = action
        self._severity = checked_severity("watch: severity", severity)
        if action.tell is None:
            action.tell = self._escalate

    def look(self) -> None:
        """Run the action if it is wanted, and write down and tell how it went."""
        settings = self._means.settings
        if not (settings.enabled and settings.auto_recover and self._means.runtime.active):
            return
        reason = self._action.wanted()
        if reason is not None:
            self._recover(self._failure(reason))

    def _recover(self, failure: Failure) -> None:
        label = f"action {self._action.name!r}"
        chronicle = self._means.chronicle
        if not self._action.restraint.rules.dry_run:
            chronicle.detected(failure, fresh=True)
            chronicle.started(failure, (label,))
        record = self._action.run()
        if not record.ran:
            return
        result = _RESULTS.get(record.outcome, Result.FAILED)
        recovery = chronicle.of_one(failure, result, label, (f"{label}: {_said(record)}",))
        if result is Result.SUCCEEDED:
            chronicle.succeeded(recovery, CHECK)
        elif result is Result.UNVERIFIED:
            chronicle.noted(recovery)
        else:
            chronicle.failed(recovery)

    def _failure(self, reason: str) -> Failure:
        action, clock = self._action, self._means.runtime.clock
        return Failure.of(action.component, action.name, reason, self._severity, RESOURCE, clock)

    def _escalate(self, reason: str) -> None:
        action = self._action
        self._means.alarm.escalate(reason, action.component, level=self._severity, name=action.name)


def _said(record: ActionRecord) -> str:
    return f"{record.outcome.value} ({record.detail})" if record.detail else record.outcome.value
