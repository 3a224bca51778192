"""The circuit: one automaton behind one lock, and what users and operators do with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, overload

from resilience import signals
from resilience.circuits.automaton import SHADOW
from resilience.circuits.blocks import Ready, begin, begin_async
from resilience.circuits.led import Led
from resilience.circuits.memory import bare_copy, describe
from resilience.circuits.remembered import Remembered
from resilience.circuits.settings import CircuitSettings
from resilience.circuits.snapshot import CircuitSnapshot, Totals
from resilience.circuits.states import (
    PASSED,
    CircuitState,
    Closed,
    Forced,
    HalfOpen,
    Open,
    Outcome,
    Permit,
)
from resilience.core.checks import seconds
from resilience.core.classify import is_client_error, matches, says_nothing
from resilience.core.entered import Entered
from resilience.core.runtime import Runtime
from resilience.core.shell import call_async, call_sync
from resilience.errors import CircuitOpenError, DeadlineExceededError, ResilienceError

P = ParamSpec("P")
R = TypeVar("R")
Inside = Callable[[Callable[..., Any]], Callable[..., Any]]

ONE_HOUR = 3600.0


class Circuit(Led):
    """Stops calls to what keeps failing, and finds out when they may go on.

    Use it as `circuit.call(fn, …)`, `await circuit.call_async(fn, …)`, `with circuit:`,
    `async with circuit:`, or through the `@circuit` decorator. Made by `system.circuits.get`.
    Decisions are made under its lock and told after it.

    Args:
        name: what it is known by, to people, settings and events.
        settings: when it opens and comes back.
        runtime: its system's clock, chance and events.
    """

    __slots__ = ("__weakref__", "_entered", "inside", "monotonic", "used")

    def __init__(self, name: str, settings: CircuitSettings, runtime: Runtime) -> None:
        self.monotonic = runtime.clock.monotonic
        self.inside: Inside | None = None
        """Puts an experiment's fault into what runs inside; None: there is none."""
        self.used = 0.0  # monotonic seconds of the last use; kept for circuits made by key
        self._entered: Entered[tuple[Permit, float]] | None = None
        super().__init__(name, settings, runtime, self.monotonic())

    def __repr__(self) -> str:
        return f"<Circuit {self.name!r} {self.state}>"

    # -- use ----------------------------------------------------------------------------------

    def call(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return `fn(*args, **kwargs)`; a coroutine it returns is counted when it is awaited.

        Raises:
            CircuitOpenError: the call was not made.
        """
        made = fn if self.inside is None else self.inside(fn)
        result: R = call_sync(self, made, args, kwargs)
        return result

    @overload
    async def call_async(
        self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> R: ...
    @overload
    async def call_async(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    async def call_async(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Return what `fn(*args, **kwargs)` returns, awaited where it can be.

        Raises:
            CircuitOpenError: the call was not made.
        """
        made = fn if self.inside is None else self.inside(fn)
        return await call_async(self, made, args, kwargs)

    def __enter__(self) -> Circuit:
        self._enter()
        if self.inside is not None:
            try:
                self.inside(begin)()
            except BaseException as error:
                self._leave(error)
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave(error)

    # Plain functions that return something to await: the frame that holds the block is theirs.
    def __aenter__(self) -> Awaitable[Circuit]:
        self._enter()
        return Ready(self) if self.inside is None else self._begin_inside(self.inside)

    def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Awaitable[None]:
        self._leave(error)
        return Ready(None)

    async def _begin_inside(self, inside: Inside) -> Circuit:
        try:
            await inside(begin_async)()
        except BaseException as error:
            self._leave(error)
            raise
        return self

    def _enter(self) -> None:
        if self._entered is None:
            with self._lock:
                self._entered = self._entered or Entered()
        permit = self.tick or self.admit()
        self._entered.push((permit, self.monotonic()), depth=3)

    def _leave(self, error: BaseException | None) -> None:
        assert self._entered is not None
        permit, started = self._entered.pop(depth=3)
        if error is not None:
            self.failed(permit, started, error)
        else:
            ended = self.monotonic()
            if ended < self.attention and ended - started <= self.slow_after:
                next(permit)
            else:
                self._record(permit, Outcome.SUCCESS, ended - started > self.slow_after, ended)

    # -- reading ------------------------------------------------------------------------------

    @property
    def state(self) -> CircuitState:
        """What it does with calls now. Reading changes nothing."""
        return self._shown(self.monotonic())

    def snapshot(self) -> CircuitSnapshot:
        """Return all that is known of it at this moment. Reading changes nothing."""
        now = self.monotonic()
        with self._lock:
            counts = self._state.seen(now)
            judged = counts.calls >= self.settings.calls_to_judge and counts.calls > 0
            return CircuitSnapshot(
                name=self.name,
                state=self._shown(now),
                shadow=self._is_shadow(now),
                calls=counts.calls,
                failures=counts.failures,
                slow_calls=counts.slow,
                failure_rate=counts.failures / counts.calls if judged else None,
                slow_call_rate=counts.slow / counts.calls if judged else None,
                rejected=self._rejected.value() - self._rejected_before,
                opened_at=self._opened_at,
                retry_after=self._wait(now),
                last_error=describe(self._last_error) if self._last_error else None,
                generation=self._generation,
                forced=self._describe_order(now),
            )

    def totals(self) -> Totals:
        """Return the calls counted and refused since it was made: numbers that only grow."""
        with self._lock:
            return Totals(*self._totals(), self._rejected.value())

    def is_idle(self) -> bool:
        """Tell whether forgetting it loses nothing: closed, not ordered otherwise, no failures."""
        now = self.monotonic()
        with self._lock:
            state = self._state
            if type(state) is not Closed or self._forced or self._unforgiven(now):
                return False
            counts = state.window.counts(now)
            return not (counts.failures or counts.slow)

    # -- operators ----------------------------------------------------------------------------

    def force_open(
        self, reason: str = "", actor: str | None = None, for_: float | timedelta = ONE_HOUR
    ) -> None:
        """Reject all calls for `for_` seconds, > 0, or until released."""
        self._command(CircuitState.FORCED_OPEN, reason, actor, for_)

    def force_closed(
        self, reason: str = "", actor: str | None = None, for_: float | timedelta = ONE_HOUR
    ) -> None:
        """Admit all calls for `for_` seconds, > 0, or until released; go on counting."""
        self._command(CircuitState.FORCED_CLOSED, reason, actor, for_)

    def disable(
        self, reason: str = "", actor: str | None = None, for_: float | timedelta = ONE_HOUR
    ) -> None:
        """Admit all calls and count none for `for_` seconds, > 0, or until released."""
        self._command(CircuitState.DISABLED, reason, actor, for_)

    def shadow(
        self, reason: str = "", actor: str | None = None, for_: float | timedelta = ONE_HOUR
    ) -> None:
        """Record and announce as ever, but reject nothing, for `for_` seconds, > 0."""
        self._command(SHADOW, reason, actor, for_)

    def release(self, reason: str = "", actor: str | None = None) -> None:
        """End an operator's order; the circuit goes on where it was before it."""
        with self._lock:
            self._end_order(self.monotonic(), reason or "released", actor)
            news = self._take_news()
        self._tell(news)

    def reset(self, reason: str = "", actor: str | None = None) -> None:
        """Close it, and forget all counts, relapses and orders."""
        with self._lock:
            now = self.monotonic()
            before = self._shown(now)
            self._forced = None
            self._begin(now)
            if before is not CircuitState.CLOSED:
                self._note(signals.circuit_closed, reason=reason or "reset", actor=actor)
            news = self._take_news()
        self._tell(news)

    def settle(self) -> None:
        """End an order whose time is up; the system's background work calls it."""
        with self._lock:
            self._order_in_force(self.monotonic())
            news = self._take_news()
        self._tell(news)

    def order(self) -> Forced | None:
        """Return what an operator ordered, while it holds. Reading changes nothing."""
        order = self._forced
        return None if order is None or self.monotonic() >= order.until else order

    def remember(self, seen: Remembered) -> None:
        """Take up what it was before a restart, unless more has happened since.

        It is told with the next call or `settle`.
        """
        with self._lock:
            self._recall(seen, self.monotonic())

    def reconfigure(self, settings: CircuitSettings) -> None:
        """Put new settings in force; state is kept, counts too unless the window differs."""
        with self._lock:
            old, self.settings = self.settings, settings
            same_window = (old.window, old.window_calls) == (settings.window, settings.window_calls)
            now = self.monotonic()
            if type(self._state) is Closed and not same_window:
                self._move(Closed(settings, now))
            elif type(self._state) is HalfOpen and _trials(old) != _trials(settings):
                # By other rules the trials so far might be too many to go on and too few to judge.
                self._move(HalfOpen())
            self._publish(now)

    def refresh(self) -> None:
        """Take up that the system's guards were switched on or off."""
        with self._lock:
            self._publish(self.monotonic())

    def after_fork(self) -> None:
        """Replace the locks: one that another thread held at the fork stays locked for ever."""
        super().after_fork()
        if self._entered is not None:
            self._entered.after_fork()

    # -- the gate -----------------------------------------------------------------------------

    def admit(self) -> Permit:
        """Return a permit where `tick` is None.

        Raises:
            CircuitOpenError: the call must not be made.
        """
        now = self.monotonic()
        state = self._state
        if (
            type(state) is Open
            and now < state.until
            and self._forced is None
            and self._runtime.active
        ):
            raise self._rejection(state.until - now)  # no lock: an open circuit stays cheap
        with self._lock:
            self._catch_up()
            permit = self._admit(now)
            wait = self._wait(now)
            bypassed = permit is None and self._forced is not None and self._forced.kind == SHADOW
            news = self._take_news()
        self._tell(news)
        if bypassed:
            self._announce_rejection(wait, shadow=True)
            return PASSED
        if permit is None:
            raise self._rejection(wait)
        return permit

    def succeeded(self, permit: Permit, started: float, ended: float, result: Any) -> None:
        """Count a call that returned."""
        predicate = self.settings.on_result
        outcome = Outcome.SUCCESS
        error = None
        if predicate is not None and matches(predicate, result, if_broken=False):
            outcome = Outcome.FAILURE
            error = ResilienceError("on_result took what was returned for a failure")
        self._record(permit, outcome, ended - started > self.slow_after, ended, error)

    def failed(self, permit: Permit, started: float, error: BaseException) -> None:
        """Count a call that raised, or was stopped."""
        ended = self.monotonic()
        outcome = self._outcome(error)
        copy = bare_copy(error) if outcome is Outcome.FAILURE else None
        self._record(permit, outcome, ended - started > self.slow_after, ended, copy)

    def _outcome(self, error: BaseException) -> Outcome:
        if says_nothing(error) or matches(self.settings.ignore, error, if_broken=False):
            return Outcome.NEUTRAL
        if isinstance(error, DeadlineExceededError):
            return Outcome.FAILURE
        if is_client_error(error):
            return Outcome.SUCCESS
        if matches(self.settings.on, error, if_broken=isinstance(error, Exception)):
            return Outcome.FAILURE
        # What is no Exception and not asked for stopped the call from outside.
        return Outcome.SUCCESS if isinstance(error, Exception) else Outcome.NEUTRAL

    def _command(self, kind: str, reason: str, actor: str | None, for_: float | timedelta) -> None:
        lasts = seconds("for_", for_)
        with self._lock:
            self._order(kind, reason, actor, lasts, self.monotonic())
            news = self._take_news()
        self._tell(news)

    def _record(
        self,
        permit: Permit,
        outcome: Outcome,
        slow: bool,
        now: float,
        error: BaseException | None = None,
    ) -> None:
        if self._lock._is_owned():  # type: ignore[attr-defined]  # as `threading.Condition` asks
            # A generator or a task was collected amid a decision: it must neither wait for it,
            # nor find it half made.
            self._late += ((permit, outcome, slow, now, error),)
            return
        with self._lock:
            self._settle(permit, outcome, slow, now, error)
            self._catch_up()
            news = self._take_news()
        self._tell(news)

    def _catch_up(self) -> None:
        while self._late:  # amid settling them there may be more
            late, self._late = self._late, ()
            for each in late:
                self._settle(*each)

    def _rejection(self, wait: float) -> CircuitOpenError:
        next(self._rejected.tick)
        if signals.call_rejected.receivers or self._runtime.bus.listeners:
            self._announce_rejection(wait, shadow=False)
        error = CircuitOpenError(self.name, wait)
        cause = self._last_error
        if cause is not None:
            cause.__traceback__ = None  # somebody may have raised it since
            error.__cause__ = cause
        return error

    def _announce_rejection(self, wait: float, *, shadow: bool) -> None:
        data = {"reason": "circuit_open", "retry_after": wait, "shadow": shadow}
        self._runtime.bus.emit(signals.call_rejected, self.name, data)


def _trials(settings: CircuitSettings) -> tuple[int, int]:
    return settings.half_open_calls, settings.success_threshold
