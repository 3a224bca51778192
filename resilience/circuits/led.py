"""A circuit as one of many: it tells the fleet what it counted, and goes where the fleet goes."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from threading import RLock
from typing import Any

from blinker import NamedSignal

from resilience import signals
from resilience.circuits.automaton import SHADOW, Automaton, News, State
from resilience.circuits.leash import PATIENCE, USED, Leash, Place
from resilience.circuits.memory import describe
from resilience.circuits.settings import CircuitSettings
from resilience.circuits.states import (
    CircuitState,
    Closed,
    HalfOpen,
    Open,
    Outcome,
    Permit,
    Trial,
)
from resilience.core.runtime import Runtime
from resilience.core.window import NOTHING, Counts
from resilience.errors import ResilienceError
from resilience.fleet.verdicts import CLOSED, HALF_OPEN, OPEN, Report, Rules, Verdict

Ended = tuple[Permit, Outcome, bool, float, BaseException | None]
"""A call's end, as `_settle` takes it: permit, outcome, whether it was slow, when, its error."""

NO_PLACE = 0.1  # seconds that a caller is told to wait where the fleet has to give a place first


class Led(Automaton):
    """The automaton behind its lock, as the exchange with the fleet uses it.

    While the fleet's state is closed the circuit judges by itself what it sees, and only adds
    its counts to the fleet's. While it is not, the circuit is led: it opens, lets trials pass and
    closes when the fleet does. Without the store it goes on by its own rules from where it is.
    """

    __slots__ = ("_late", "_leash", "_lock", "name")

    def __init__(self, name: str, settings: CircuitSettings, runtime: Runtime, now: float) -> None:
        self.name = name
        self._lock = RLock()  # a finalizer or a signal's handler may come while it is held
        self._late: tuple[Ended, ...] = ()  # calls that such a one ended meanwhile
        self._leash: Leash | None = None
        super().__init__(settings, runtime, now)

    # -- for the exchange ---------------------------------------------------------------------

    def lead(
        self,
        nudge: Callable[[], None],
        is_online: Callable[[], bool],
        verdict: Verdict | None = None,
    ) -> None:
        """Belong to a fleet from now on.

        Args:
            nudge: asks for an exchange at once; must not wait.
            is_online: tells whether the fleet's store answered last time.
            verdict: what the fleet has decided of this circuit already. It is told with the
                next call or `settle`.
        """
        with self._lock:
            self._leash = Leash(nudge, is_online)
            self._leash.sent = self._counted()
            if verdict is not None:
                self._follow(verdict, self._now())

    def let_go(self) -> None:
        """Belong to no fleet any more; go on from the present state."""
        self.unled()
        with self._lock:
            self._leash = None

    def report(self, *, all_known: bool = False) -> Report | None:
        """Return what the fleet does not know yet, or None.

        Args:
            all_known: tell the state too, as the store has forgotten it.
        """
        with self._lock:
            now = self._now()
            report = self._report(now, all_known) if self._leash is not None else None
            self._release(now)
            news = self._take_news()
        self._tell(news)
        return report

    def follow(self, verdict: Verdict, report: Report | None = None) -> None:
        """Take up what the fleet decided.

        Args:
            verdict: of the exchange.
            report: what it was told in it.
        """
        with self._lock:
            if self._leash is not None:
                if report is not None:
                    self._leash.heard(report)
                self._follow(verdict, self._now())
            news = self._take_news()
        self._tell(news)

    def obey(self, order: str | None, reason: str, actor: str | None, lasts: float) -> None:
        """Take up what an operator ordered in another worker, which tells of it for the fleet.

        Args:
            order: "forced_open", "forced_closed", "disabled", "shadow"; None: it is taken back.
            reason: why.
            actor: who ordered it.
            lasts: seconds, > 0, that it goes on.
        """
        with self._lock:
            before, now = self._take_news(), self._now()
            if order is None:
                self._end_order(now, reason, actor)
            else:
                kind = order if order == SHADOW else CircuitState(order)
                self._order(kind, reason, actor, lasts, now)
            said = {"scope": "fleet", "order": order, "reason": reason, "actor": actor}
            news = (*before, *((signals.fleet_changed, said) for _ in self._take_news()[:1]))
        self._tell(news)

    def unled(self, *, forget: bool = False) -> None:
        """Go on by its own rules: the store does not answer.

        Args:
            forget: what was counted so far is too old to be told later.
        """
        with self._lock:
            if self._leash is not None:
                if forget:
                    self._leash.sent = self._counted()
                self._leash.leads = False
                self._leash.places.clear()
                self._release(inf)
                self._publish(self._now())
            news = self._take_news()
        self._tell(news)

    def is_alone(self) -> bool:
        """Tell whether it is open by what this worker has seen, and the fleet's is closed."""
        leash = self._leash
        alone = leash is not None and leash.state == CLOSED and leash.is_online()
        return alone and type(self._state) is Open

    def wants_exchange_in(self) -> float:
        """Return the seconds, >= 0, until an exchange is of use; infinite if nothing waits."""
        leash, state, now = self._leash, self._state, self._now()
        if leash is None:
            return inf
        held = leash.held_until - now if leash.held else inf
        ripe = inf
        if type(state) is Open and leash.leads and self._is_in_demand(leash):
            ripe = state.until - now
        place = leash.places[0].until - now if leash.places else inf
        return max(0.0, min(held, ripe, place))

    def after_fork(self) -> None:
        """Be a worker of its own: what the parent counted and was given stays the parent's."""
        self._lock = RLock()
        self._news = ()  # the parent tells it
        leash = self._leash
        if leash is not None:
            leash.leads = False
            leash.enter(leash.epoch, leash.state)
            leash.held, leash.sent = (), self._counted()

    def _tell(self, news: News) -> None:
        for signal, data in news:
            self._runtime.bus.emit(signal, self.name, data)

    def _now(self) -> float:
        return self._runtime.clock.monotonic()

    # -- what is told -------------------------------------------------------------------------

    def _counted(self) -> tuple[Counts, int]:
        return self._totals(), self._rejected.value()

    def _report(self, now: float, all_known: bool) -> Report | None:
        leash = self._leash
        assert leash is not None
        leash.eager = True
        leash.give_back(now)
        totals, _ = counted = self._counted()
        new = Counts(*(here - sent for here, sent in zip(totals, leash.sent[0], strict=True)))
        demand = self._is_in_demand(leash)
        wants = demand and not leash.places and self._is_ripe(now)
        if leash.state != CLOSED:
            new = NOTHING
        leash.sending = counted if wants or leash.state == CLOSED else (totals, leash.sent[1])
        known = all_known and leash.epoch > 0
        if not (any(new) or wants or leash.trials or leash.reset or known):
            leash.sent = leash.sending
            return None
        return self._written(new, wants, now)

    def _is_in_demand(self, leash: Leash) -> bool:
        """Tell whether calls were refused that the fleet has not heard of: it may try again."""
        return leash.wants or self._rejected.value() > leash.sent[1]

    def _is_ripe(self, now: float) -> bool:
        """Tell whether the fleet is to try again: it is not closed, and the time is up."""
        assert self._leash is not None
        state = self._state
        waited = type(state) is HalfOpen or (type(state) is Open and now >= state.until)
        return self._leash.state != CLOSED and waited

    def _written(self, new: Counts, wants: bool, now: float) -> Report:
        leash, state = self._leash, self._state
        assert leash is not None
        until = state.until if type(state) is Open else now
        return Report(
            self.name, rules_of(self.settings), leash.epoch, leash.state, max(0.0, until - now),
            new.calls, new.failures, new.slow, wants, dict(leash.trials), leash.reset,
            describe(self._last_error) if new.failures and self._last_error else "",
        )  # fmt: skip

    # -- what is heard ------------------------------------------------------------------------

    def _follow(self, verdict: Verdict, now: float) -> None:
        leash = self._leash
        assert leash is not None
        order = self._order_in_force(now)
        if order is not None and order.kind == CircuitState.FORCED_CLOSED:
            leash.enter(0, CLOSED)  # it is taken up when the order ends
            leash.leads = False
            return
        if verdict.epoch < leash.epoch:
            return  # the store has forgotten what this worker is about to tell it
        if (verdict.epoch, verdict.state) != (leash.epoch, leash.state):
            self._adopt(verdict, now)
        leash.leads = leash.state != CLOSED
        if verdict.place:
            leash.wants = False
            leash.places.append(Place(verdict.place, now + USED * verdict.place_lasts))
        self._publish(now)

    def _adopt(self, verdict: Verdict, now: float) -> None:
        leash = self._leash
        assert leash is not None
        led = leash.state != CLOSED
        leash.enter(verdict.epoch, verdict.state)
        if verdict.state == OPEN:
            leash.held = ()  # the fleet's opening is told instead
            self._opened_at = self._runtime.clock.time()
            self._relapses = verdict.relapses
            if verdict.error and self._last_error is None:
                self._last_error = ResilienceError(verdict.error)
            self._move(Open(now, now + verdict.left, Counts(*verdict.counts)))
        elif verdict.state == HALF_OPEN:
            self._move(HalfOpen())
        elif led:
            self._move(Closed(self.settings, now, self.settings.ramp))
        else:
            return  # closed before and after: what this worker sees by itself stays
        self._announce(verdict)

    def _announce(self, verdict: Verdict) -> None:
        """Tell of the fleet's transition: as such if this worker made it, else that it happened."""
        shared: dict[str, Any] = {"scope": "fleet", "epoch": verdict.epoch}
        if not verdict.made:
            self._note(signals.fleet_changed, state=verdict.state, **shared)
        elif verdict.state == OPEN:
            error, counts = verdict.error or None, Counts(*verdict.counts)
            self._note(
                signals.circuit_opened, reason=verdict.reason, **counts._asdict(),
                retry_after=verdict.left, error=error, **shared,
            )  # fmt: skip
        elif verdict.state == HALF_OPEN:
            self._note(signals.circuit_half_opened, **shared)
        else:
            self._note(signals.circuit_closed, **shared)

    # -- where the automaton asks -------------------------------------------------------------

    @property
    def _is_led(self) -> bool:
        return self._leash is not None and self._leash.leads

    def _admit_trial(self, now: float) -> Permit | None:
        """Admit a trial where the fleet has given a place; where it has not, ask for one."""
        if not self._is_led:
            return super()._admit_trial(now)
        leash, state = self._leash, self._state
        assert leash is not None
        if type(state) is Open and now < state.until:
            return None
        place = leash.take(now) if type(state) is HalfOpen else ""
        if not place or type(state) is not HalfOpen:
            leash.want()
            return None
        return state.begin(now + self.settings.trial_timeout, place)

    def _judge_trial(self, trial: Trial, outcome: Outcome, now: float) -> None:
        if self._leash is None or not self._is_led or not trial.place:
            super()._judge_trial(trial, outcome, now)
        else:
            self._leash.done(trial.place, outcome)

    def _count(self, failed: bool, slow: bool, now: float) -> None:
        super()._count(failed, slow, now)
        if (failed or slow) and self._leash is not None:
            self._leash.alarm()

    def _become(self, state: State, signal: NamedSignal, now: float, **data: Any) -> None:
        super()._become(state, signal, now, **data)
        leash = self._leash
        if leash is not None and leash.state != CLOSED and not leash.is_online():
            # Without the store it has gone on; the fleet hears of that by a higher epoch.
            leash.enter(leash.epoch + 1, str(self._shown_without_order()))

    def _end_order(self, now: float, reason: str, actor: str | None) -> None:
        super()._end_order(now, reason, actor)
        if self._leash is not None:
            self._leash.nudge()

    def _begin(self, now: float) -> None:
        super()._begin(now)
        leash = self._leash
        if leash is not None:
            leash.enter(leash.epoch, CLOSED)
            leash.leads, leash.reset = False, True
            leash.held = ()
            leash.nudge()

    def _wait(self, now: float) -> float:
        wait = super()._wait(now)
        tried = self._is_led and self._forced is None and type(self._state) is not Closed
        return NO_PLACE if tried and wait <= 0 else wait

    # -- what the fleet may want to tell instead ----------------------------------------------

    def _take_news(self) -> News:
        news, leash = super()._take_news(), self._leash
        if leash is None or not news:
            return news
        held, leash.held = leash.held, ()
        last, data = news[-1]
        own = last is signals.circuit_opened and "scope" not in data
        if own and leash.is_online() and leash.state == CLOSED:
            leash.held = ((last, {**data, "scope": "worker"}),)
            leash.held_until = self._now() + PATIENCE
            leash.alarm()
            news = news[:-1]
        return held + news

    def _release(self, now: float) -> None:
        leash = self._leash
        if leash is not None and leash.held and now >= leash.held_until:
            self._news, leash.held = leash.held + self._news, ()


def rules_of(settings: CircuitSettings) -> Rules:
    """Return what the fleet has to know of a circuit's settings."""
    return Rules(
        settings.failure_threshold, settings.failure_rate, settings.calls_to_judge,
        settings.window, settings.slow_call_rate, settings.reset_timeout,
        settings.reset_timeout_multiplier, settings.reset_timeout_max,
        settings.half_open_calls, settings.success_threshold, settings.trial_timeout,
    )  # fmt: skip
