"""What is done for one caller whose call has failed: steps, in order, until one gives an answer.

The component is recovered in the background, once for all callers; they wait for it, and make
their calls again. A strategy that answers by itself (a retry, a fallback, a restore) runs where
the call did. Whatever goes wrong here is logged: the caller only ever gets what its own call
raised.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

from resilience.core.rescue import Condition, Course, Step, Wait
from resilience.core.trigger import Trigger
from resilience.errors import Rejected
from resilience.healing.actions import Action, ActionRecord, Outcome
from resilience.healing.attempts import Act, Ask, Attempts, CatchUp, Make
from resilience.healing.components import Component, Incident
from resilience.healing.failures import Failure
from resilience.healing.means import OURS, Means, kind_of, labels
from resilience.healing.records import Result
from resilience.healing.recoveries import Recoveries
from resilience.healing.settings import ACTION, DEGRADE, ESCALATION, RETRY, Strategies
from resilience.healing.treatment import SAID
from resilience.strategies.escalation import Escalation

log = logging.getLogger("resilience")

_DID_SOMETHING = (Outcome.VERIFIED, Outcome.CHANGED, Outcome.DONE)


@dataclass(frozen=True, slots=True)
class Terms:
    """How a function wants to be healed.

    Args:
        name: what its failures are called: the function's name.
        category: of all its failures; None: found from each exception.
        severity: how much they matter.
        trigger: which of its errors are failures.
        max_wait: seconds, >= 0, that a call waits for its component; None: the setting.
        strategies: what is tried, instead of what the settings say; None: that.
        retries: whether the function has retries of its own already.
    """

    name: str
    category: str | None = None
    severity: str = "medium"
    trigger: Trigger = Trigger()  # noqa: RUF009 - it never changes
    max_wait: float | None = None
    strategies: Strategies | None = None
    retries: bool = False


class Care:
    """Decides what is done about the failures of one function. A `Rescuer`.

    Args:
        means: what to work with.
        recoveries: those of the healer.
        component: what the function calls.
        terms: how it wants to be healed.
    """

    def __init__(
        self, means: Means, recoveries: Recoveries, component: Component, terms: Terms
    ) -> None:
        self.means = means
        self.recoveries = recoveries
        self.component = component
        self.terms = terms

    @property
    def condition(self) -> Condition:
        """The component's."""
        return self.component.condition

    def handles(self, error: Exception) -> bool:
        """Tell whether this is a failure, and the healer is on."""
        if not (self.means.runtime.active and self.means.settings.enabled):
            return False
        return self.terms.trigger.fires(error)

    def returned(self) -> None:
        """Hear that a call of an ill component returned."""
        self.recoveries.returned(self.component)

    def course(self, error: Exception, again: partial[Any]) -> Course:
        """Return the steps after a failure; they end with the call's answer, or none."""
        call = Attempts(again, error)
        try:
            visit = self._visit(error)
            answer = (yield from visit.course(call)) if visit is not None else None
        except Exception as trouble:
            if trouble is call.latest:
                raise
            log.exception("healing %r failed by itself", self.component.name)
            answer = None
        return call.end(error) if answer is None else answer[0]

    def _visit(self, error: Exception) -> _Visit | None:
        """Take the failure down; None where nothing is to be done about it."""
        clock, terms = self.means.runtime.clock, self.terms
        failure = Failure.of(
            self.component.name, terms.name, error, terms.severity, terms.category, clock
        )
        incident, fresh = self.recoveries.note(self.component, failure, error, terms.strategies)
        if not self.means.settings.auto_recover:
            return None
        return _Visit(self, failure, incident, fresh=fresh)


class _Visit:
    """The care for one failed call.

    Args:
        care: of its function.
        failure: its record.
        incident: what it belongs to.
        fresh: whether the incident begins with it; only then it is told, and not only counted.
    """

    __slots__ = (
        "_care",
        "_chronicle",
        "_failure",
        "_fresh",
        "_incident",
        "_means",
        "_steps",
        "_tries",
        "_waited",
    )

    def __init__(self, care: Care, failure: Failure, incident: Incident, *, fresh: bool) -> None:
        self._care = care
        self._means = care.means
        self._chronicle = care.means.chronicle
        self._failure = failure
        self._incident = incident
        self._fresh = fresh
        self._steps: list[str] = []
        self._tries = False  # something by itself, besides waiting for the component
        self._waited = False  # for a recovery, whose own end counts

    def course(self, call: Attempts) -> _Attempt:
        """Try what there is; the first answer is the caller's."""
        for attempt in self._attempts(call):
            answer = yield from attempt
            if answer is not None:
                return answer
        self._gave_up()
        return None

    def _attempts(self, call: Attempts) -> Generator[_Attempt, None, None]:
        """Yield what to try, in order."""
        name, strategies = self._care.component.name, self._strategies()
        for action in self._means.actions_for(name, call.latest, in_caller=True):
            yield self._first_aid(action, call)
        for strategy, label in zip(strategies, labels(strategies), strict=True):
            kind = kind_of(strategy)
            if kind == ACTION:
                yield self._wait(call)
            elif kind == RETRY:
                yield self._retry(call)
            elif kind == DEGRADE:
                yield self._last_rung(label, self._means.degrade)
            elif kind == ESCALATION:
                yield self._last_rung(label, partial(self._escalate, strategy))
            else:
                yield self._ask(strategy, label, call)

    def _strategies(self) -> Strategies:
        own = self._care.terms.strategies
        return own or self._means.settings.strategies_for(self._failure.category)

    # -- what is tried --------------------------------------------------------------------------

    def _first_aid(self, action: Action, call: Attempts) -> _Attempt:
        """Run an action where the call failed, and make the call again if it did anything."""
        if action.refusal() is not None:
            return None
        label = f"action {action.name!r}"
        self._begin(label)
        record: ActionRecord = yield Act(action)
        self._steps.append(f"{label}: {record.outcome.value}")
        if record.outcome not in _DID_SOMETHING:
            return None
        answer = yield from self._once_more(call)
        if answer is not None:
            self._succeeded(label)
        return answer

    def _wait(self, call: Attempts) -> _Attempt:
        """Wait for the component's recovery, and make the call again if that helped."""
        recoveries, component = self._care.recoveries, self._care.component
        future = recoveries.begin(component, looks=False)
        if future is None:
            # Where its incident is over already, somebody else's recovery has helped.
            is_over = component.incident is not self._incident
            return (yield from self._once_more(call)) if is_over else None
        engine = self._means.runtime.engine
        if engine.stands_still:
            yield CatchUp(engine.catch_up)
        result: Result | None = yield Wait(future, self._longest_wait())
        self._steps.append(f"recovery: {'not done yet' if result is None else result.value}")
        self._waited = self._waited or result is not Result.DEFERRED
        if result is None or not result.helped:
            return None
        answer = yield from self._once_more(call)
        if result is Result.UNVERIFIED:
            recoveries.proved(component, self._incident, helped=answer is not None)
        return answer

    def _longest_wait(self) -> float:
        own = self._care.terms.max_wait
        longest: float = self._means.settings.max_wait if own is None else own
        return longest

    def _retry(self, call: Attempts) -> _Attempt:
        """Make the call again a few times, unless its function does that by itself."""
        if self._care.terms.retries:
            return None
        return (yield from self._ask(self._means.retry_for(self._care.component), RETRY, call))

    def _ask(self, strategy: Any, label: str, call: Attempts) -> _Attempt:
        """Let a strategy answer; what it raises, unless the call did, is its own trouble."""
        self._begin(label)
        if isinstance(strategy, OURS):
            call.replay()
        try:
            answer = yield Ask(strategy, call)
        except Exception as error:
            self._steps.append(f"{label}: failed")
            self._hear(error, label, call)
            return None
        if call.returned:
            self._succeeded(label)
        else:
            recovery = self._chronicle.of_one(self._failure, Result.ANSWERED, label)
            self._chronicle.noted(recovery, kept=self._fresh)
        return (answer,)

    def _last_rung(self, label: str, act: Callable[[Incident], object]) -> _Attempt:
        """Do what answers nobody, on the way to the next strategy."""
        act(self._incident)
        self._steps.append(f"{label}: done")
        return None
        yield

    def _escalate(self, strategy: Any, incident: Incident) -> None:
        by = strategy if isinstance(strategy, Escalation) else None
        self._means.escalate(self._care.component, incident, SAID, by)

    def _once_more(self, call: Attempts) -> _Attempt:
        """Make the call again, once."""
        try:
            return ((yield Make(call)),)
        except Exception as error:
            self._hear(error, "the call", call)
            return None

    def _hear(self, error: Exception, label: str, call: Attempts) -> None:
        """Take note of what was raised on the way.

        Raises:
            Exception: the call's, where it is no failure but what it has to say.
        """
        if error is call.latest:
            if not self._care.terms.trigger.fires(error):
                self._care.returned()  # it works: this is its answer
                raise error
        elif not isinstance(error, Rejected):  # a call that was not made says nothing new
            log.error("%s of %r failed", label, self._care.component.name, exc_info=error)

    # -- what is told ---------------------------------------------------------------------------

    def _begin(self, label: str) -> None:
        """Tell once that something is tried for this caller."""
        if self._fresh and not self._tries:
            self._chronicle.started(self._failure, (label,))
        self._tries = True

    def _succeeded(self, label: str) -> None:
        recovery = self._chronicle.of_one(self._failure, Result.SUCCEEDED, label, self._steps)
        self._care.recoveries.succeeded(
            self._care.component, self._incident, recovery, told=self._fresh
        )

    def _gave_up(self) -> None:
        if self._tries or not self._waited:
            recovery = self._chronicle.of_one(self._failure, Result.FAILED, steps=self._steps)
            self._chronicle.failed(recovery, told=self._fresh and self._tries)
        if not self._waited:
            since = self._failure.monotonic
            self._care.recoveries.unrecovered(self._care.component, self._incident, since)


_Attempt = Generator[Step, Any, tuple[Any] | None]
"""One thing that is tried; ends with the answer in a tuple, or None."""
