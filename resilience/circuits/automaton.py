"""What a circuit decides: pure, told the time, called with the circuit's lock held."""

from __future__ import annotations

from math import inf
from typing import Any

from blinker import NamedSignal

from resilience import signals
from resilience.circuits.memory import describe
from resilience.circuits.remembered import Remembered
from resilience.circuits.settings import CircuitSettings
from resilience.circuits.states import (
    PASSED,
    CircuitState,
    Closed,
    Forced,
    HalfOpen,
    Open,
    Outcome,
    Permit,
    Trial,
)
from resilience.core.runtime import Runtime
from resilience.core.window import NOTHING, Counts, Tally
from resilience.errors import ResilienceError

State = Closed | Open | HalfOpen
News = tuple[tuple[NamedSignal, dict[str, Any]], ...]

JITTER = 0.1  # of the time a circuit stays open, either way
SHADOW = "shadow"


class Automaton:
    """A circuit's state, and the decisions that change it.

    It keeps `tick`, `attention` and `slow_after` true, by which the hot path knows whether it
    has to ask at all (`core.shell.Gate`).
    """

    __slots__ = (
        "_forced",
        "_generation",
        "_last_error",
        "_news",
        "_opened_at",
        "_rejected",
        "_rejected_before",
        "_relapses",
        "_runtime",
        "_spent",
        "_state",
        "attention",
        "settings",
        "slow_after",
        "tick",
    )

    def __init__(self, settings: CircuitSettings, runtime: Runtime, now: float) -> None:
        self.settings = settings
        self._runtime = runtime
        self._forced: Forced | None = None
        self._news: News = ()
        self._generation = 0
        self._spent = NOTHING  # what earlier states counted
        self._state: State = Closed(settings, now)
        self._rejected = Tally()
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._last_error: BaseException | None = None
        self._opened_at: float | None = None
        self._relapses = 0
        self._rejected_before = self._rejected.value()
        self._move(Closed(self.settings, now))
        self._publish(now)

    def _admit(self, now: float) -> Permit | None:
        forced = self._order_in_force(now)
        if not self._runtime.active or (forced and forced.kind == CircuitState.DISABLED):
            return PASSED
        if forced and forced.kind == CircuitState.FORCED_OPEN:
            return None
        state = self._state
        if type(state) is not Closed:
            return self._admit_trial(now)
        self._publish(now)  # a ramp may have ended
        passes = forced is not None or state.admits(self.settings, now, self._runtime.random)
        return state.window.tick if passes else None

    def _admit_trial(self, now: float) -> Permit | None:
        if type(self._state) is Open and now >= self._state.until:
            self._become(HalfOpen(), signals.circuit_half_opened, now)
        state = self._state
        return state.admit(self.settings, now) if type(state) is HalfOpen else None

    def _settle(
        self, permit: Permit, outcome: Outcome, slow: bool, now: float, error: BaseException | None
    ) -> None:
        """Count an outcome, unless another state than the present one admitted the call."""
        self._order_in_force(now)
        if not self._holds(permit):
            return
        if error is not None:
            self._last_error = error
        if type(permit) is Trial:
            self._count_trial(permit, outcome, slow, now)
        elif outcome is not Outcome.NEUTRAL:
            self._count(outcome is Outcome.FAILURE, slow, now)

    def _holds(self, permit: Permit) -> bool:
        """Tell whether the state that admitted the call is still the present one."""
        state = self._state
        if self._forced and self._forced.kind in (CircuitState.FORCED_OPEN, CircuitState.DISABLED):
            return False
        if type(permit) is Trial:
            return permit.state is state
        return type(state) is Closed and state.window.tick is permit

    def _count(self, failed: bool, slow: bool, now: float) -> None:
        state = self._state
        assert type(state) is Closed
        state.window.record(now, failed, slow)
        counts = state.window.counts(now)
        reason = state.verdict(self.settings, counts)
        if reason and not (self._forced and self._forced.kind == CircuitState.FORCED_CLOSED):
            self._open(now, reason, counts)
        else:
            self._attend(state, counts)

    def _count_trial(self, trial: Trial, outcome: Outcome, slow: bool, now: float) -> None:
        if outcome is Outcome.SUCCESS and slow:
            outcome = Outcome.FAILURE
        state = trial.state
        state.record(trial, outcome, now)
        self._judge_trial(trial, outcome, now)

    def _judge_trial(self, trial: Trial, outcome: Outcome, now: float) -> None:
        state = trial.state
        verdict = state.verdict(self.settings)
        if verdict is Closed:
            closed = Closed(self.settings, now, self.settings.ramp)
            self._become(closed, signals.circuit_closed, now)
        elif verdict is Open:
            tried = state.successes + state.failures
            self._open(now, "trial_failed", Counts(tried, state.failures, 0))

    def _open(self, now: float, reason: str, counts: Counts) -> None:
        wait = self._next_wait(now)
        self._opened_at = self._runtime.clock.time()
        self._become(
            Open(since=now, until=now + wait, counts=counts),
            signals.circuit_opened,
            now,
            reason=reason,
            **counts._asdict(),
            retry_after=wait,
            error=describe(self._last_error) if self._last_error else None,
        )

    def _recall(self, seen: Remembered, now: float) -> None:
        wall = self._runtime.clock.time()
        order, left = seen.order, seen.open_until - wall
        if order is not None and self._forced is None and order.until > wall:
            self._order(order.kind, order.reason, order.actor, order.until - wall, now)
        if left > 0 and type(self._state) is Closed and self._opened_at is None:
            self._reopen(seen, left, now)

    def _reopen(self, seen: Remembered, left: float, now: float) -> None:
        settings = self.settings
        longest = max(settings.reset_timeout, settings.reset_timeout_max) * (1 + JITTER)
        left = min(left, longest)  # the wall clock may have been set back
        self._relapses, self._opened_at = 1, seen.opened_at
        self._last_error = ResilienceError(seen.error) if seen.error else None
        until, said = now + left, {"error": seen.error, "opened_at": seen.opened_at}
        self._become(
            Open(since=now, until=until), signals.circuit_opened, now,
            reason="restored", **NOTHING._asdict(), retry_after=left, **said,
        )  # fmt: skip

    def _next_wait(self, now: float) -> float:
        """Return how long to stay open, and count the relapse.

        A relapse is each opening that finds an earlier one not yet forgiven; one is forgiven for
        every `reset_timeout_max` spent closed.
        """
        settings = self.settings
        self._relapses = self._unforgiven(now)
        longest = max(settings.reset_timeout, settings.reset_timeout_max)
        try:
            wait = settings.reset_timeout * settings.reset_timeout_multiplier**self._relapses
        except OverflowError:  # relapses counted under another multiplier
            wait = inf
        if wait < longest:
            self._relapses += 1  # beyond the longest they would only take longer to forgive
        spread = 1 + JITTER * (2 * self._runtime.random.random() - 1)
        return min(wait, longest) * spread

    def _unforgiven(self, now: float) -> int:
        if type(self._state) is not Closed:
            return self._relapses
        forgiven = int((now - self._state.since) // self.settings.reset_timeout_max)
        return max(0, self._relapses - forgiven)

    def _become(self, state: State, signal: NamedSignal, now: float, **data: Any) -> None:
        self._move(state)
        self._note(signal, **data)
        self._publish(now)

    def _move(self, state: State) -> None:
        self._spent = self._totals()
        self._state = state

    def _totals(self) -> Counts:
        """Return all calls that counted since the circuit was made."""
        here = self._state.totals()
        if here == NOTHING:
            return self._spent
        return Counts(*(spent + more for spent, more in zip(self._spent, here, strict=True)))

    def _publish(self, now: float) -> None:
        """Let the hot path see the present state: the window's tick, or None to ask `admit`."""
        state = self._state
        self.slow_after = (
            inf if self.settings.slow_call_duration is None else self.settings.slow_call_duration
        )
        self.tick: Permit | None = None
        self.attention = -inf
        stands_open = self._forced is None and self._runtime.active
        if stands_open and type(state) is Closed and state.ramp_until <= now:
            self._attend(state, state.window.counts(now))
            self.tick = state.window.tick

    def _attend(self, state: Closed, counts: Counts) -> None:
        """Say from when on a mere success has to be told."""
        asked = self.settings.on_result is not None or self._forced is not None
        pending = asked or state.is_pending(self.settings, counts)
        self.attention = -inf if pending else state.window.until

    def _order(self, kind: str, reason: str, actor: str | None, lasts: float, now: float) -> None:
        before = self._shown(now), self._is_shadow(now)
        if kind == CircuitState.FORCED_CLOSED and type(self._state) is not Closed:
            self._move(Closed(self.settings, now))
        self._forced = Forced(kind, reason, actor, now + lasts)
        self._publish(now)
        if before != (self._shown(now), self._is_shadow(now)):
            data = {"state": str(kind), "reason": reason, "actor": actor, "for_": lasts}
            self._note(signals.circuit_forced, **data)

    def _order_in_force(self, now: float) -> Forced | None:
        if self._forced is not None and now >= self._forced.until:
            self._end_order(now, "its time is up", None)
        return self._forced

    def _end_order(self, now: float, reason: str, actor: str | None) -> None:
        if self._forced is None:
            return
        was_shadow = self._forced.kind == SHADOW
        self._forced = None
        if not was_shadow:
            self._note(_SIGNALS[type(self._state)], reason=reason, actor=actor)
        self._publish(now)

    def _describe_order(self, now: float) -> dict[str, str | float | None] | None:
        order = self._forced
        if order is None or now >= order.until:
            return None
        return {
            "kind": str(order.kind),
            "reason": order.reason,
            "actor": order.actor,
            "ends_in": order.until - now,
        }

    def _is_shadow(self, now: float) -> bool:
        order = self._forced
        return order is not None and order.kind == SHADOW and now < order.until

    def _shown(self, now: float) -> CircuitState:
        order = self._forced
        if order is not None and order.kind != SHADOW and now < order.until:
            return CircuitState(order.kind)
        return self._shown_without_order()

    def _shown_without_order(self) -> CircuitState:
        return _SHOWN[type(self._state)]

    def _wait(self, now: float) -> float:
        """Return the seconds until a call may pass."""
        order, state = self._forced, self._state
        if order is not None and order.kind != SHADOW and now < order.until:
            return order.until - now if order.kind == CircuitState.FORCED_OPEN else 0.0
        if type(state) is Open:
            return max(0.0, state.until - now)
        if type(state) is HalfOpen:
            return state.wait(self.settings, now)
        return max(0.0, state.ramp_until - now) if type(state) is Closed else 0.0

    def _note(self, signal: NamedSignal, **data: Any) -> None:
        """Remember one transition, to be told when the lock is let go."""
        self._generation += 1
        self._news += ((signal, {"generation": self._generation, **data}),)

    def _take_news(self) -> News:
        news, self._news = self._news, ()
        return news


_SHOWN: dict[type, CircuitState] = {
    Closed: CircuitState.CLOSED,
    Open: CircuitState.OPEN,
    HalfOpen: CircuitState.HALF_OPEN,
}
_SIGNALS: dict[type, NamedSignal] = {
    Closed: signals.circuit_closed,
    Open: signals.circuit_opened,
    HalfOpen: signals.circuit_half_opened,
}
