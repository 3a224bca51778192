"""Recovery actions: what is done to a component that failed, and the record of each run."""

from __future__ import annotations

import logging
import os
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from inspect import isawaitable
from threading import Lock
from typing import Any, TypedDict

from resilience.clock import Clock, SystemClock
from resilience.core.checks import flag, function, text
from resilience.core.classify import Matcher, as_matcher, matches
from resilience.core.copies import copied
from resilience.core.execution import settled
from resilience.healing.restraint import Restraint, Restraints

log = logging.getLogger("resilience")

KEPT = 20
"""Records that each action keeps."""

Seconds = float | timedelta
Verify = Callable[[], Any]


class Outcome(StrEnum):
    """How a run of an action ended."""

    VERIFIED = "verified"  # the check after it passed
    CHANGED = "changed"  # it changed something, and there is no check to say whether that helped
    DONE = "done"  # it returned; nobody can tell whether that did anything
    UNCHANGED = "unchanged"  # it returned, and all is as it was
    UNHELPFUL = "unhelpful"  # it changed something, and the check after it failed
    FAILED = "failed"  # it raised
    DRY = "dry run"  # it would have run
    REFUSED = "refused"  # it may not run now


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """One run of an action.

    Args:
        action: the action's name.
        component: what it recovers.
        at: wall-clock time of its start, seconds since 1970-01-01 UTC.
        elapsed: seconds it took, with measuring and verifying.
        outcome: how it ended.
        before, after: what was measured; None where the action measures nothing.
        detail: why it was refused, or what it raised; else "".
        switched_off: whether this run was the one that switched it off.
    """

    action: str
    component: str
    at: float
    elapsed: float
    outcome: Outcome
    before: Any = None
    after: Any = None
    detail: str = ""
    switched_off: bool = False

    @property
    def ran(self) -> bool:
        """Whether anything was done."""
        return self.outcome not in (Outcome.DRY, Outcome.REFUSED)


class ActionOptions(TypedDict, total=False):
    """What every action takes beside its component."""

    name: str | None
    on: Matcher
    verify: Verify | None
    in_caller: bool
    clock: Clock | None
    cool_down: Seconds
    limit: int
    period: Seconds
    dry_run: bool
    off_for: Seconds


class Action:
    """Something that recovers a component: subclass it and override `act`.

    Override `measure` too, where there is something to count before and after (and `changed`
    where a difference alone is not enough): a run that changed nothing is known by it.

    Args:
        component: what it recovers; 1 to 200 printable characters.
        name: what records call it; default: the class's name.
        on: its trigger: the failures it may help against, as exception types or a predicate.
        verify: called after `act`, and may be async; False says that it did not help, None that
            nobody knows.
            Default: the healer asks the component's health check.
        in_caller: True to run in the thread and context of the call that failed, which waits for
            it, where what is broken belongs to the thread. It has to be quick, and not async.
        clock: tells the time; default: the system's, once it is registered.
        restraints: `cool_down`, `limit`, `period`, `dry_run`, `off_for`: see `Restraints`.

    Raises:
        UnknownSettingError, ConfigurationError: a value is refused; says what is allowed.
    """

    def __init__(
        self,
        component: str,
        *,
        name: str | None = None,
        on: Matcher = Exception,
        verify: Verify | None = None,
        in_caller: bool = False,
        clock: Clock | None = None,
        **restraints: Any,
    ) -> None:
        self.component = text("action: component", component)
        self.name = text("action: name", type(self).__name__ if name is None else name)
        self.on = as_matcher(f"action {self.name!r}: on", on)
        self.verify = (
            None if verify is None else function(f"action {self.name!r}: verify", verify, 0)
        )
        self.in_caller = flag(f"action {self.name!r}: in_caller", in_caller)
        self.clock = clock
        self.restraint = Restraint(Restraints.of(restraints))
        self._records: deque[ActionRecord] = deque(maxlen=KEPT)
        self._lock = Lock()
        self._running = False
        _all.add(self)

    follows = False
    """It also runs when something else has recovered its component."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} for {self.component!r}>"

    # -- what an action is ----------------------------------------------------------------------

    def act(self) -> Any:
        """Do it; may be `async def`. What it raises is recorded, and goes no further."""
        raise NotImplementedError(f"{type(self).__name__} does not say what to do: override act")

    def measure(self) -> Any:
        """Return a plain value that `act` changes, such as a number of connections; or None."""
        return None

    def changed(self, before: Any, after: Any) -> bool | None:
        """Tell by two measurements whether `act` did anything; None: nobody can tell."""
        return None if before is None and after is None else bool(before != after)

    def applies(self, error: BaseException | None) -> bool:
        """Tell whether it may help against that failure; None stands for one without an error."""
        return error is None or matches(self.on, error, if_broken=False)

    # -- whether it may run ---------------------------------------------------------------------

    @property
    def off(self) -> bool:
        """Whether it switched itself off."""
        with self._lock:
            return self.restraint.is_off(self._clock().monotonic())

    def enable(self) -> None:
        """Switch it on again, and forget how often it ran."""
        with self._lock:
            self.restraint.release()

    def reconsider(self) -> None:
        """Be on again, if two runs changed nothing: what was wrong then is over."""
        with self._lock:
            self.restraint.reconsider()

    def wait(self) -> float:
        """Return the seconds, >= 0, until it may run again."""
        with self._lock:
            return self.restraint.wait(self._clock().monotonic())

    def refusal(self) -> str | None:
        """Return why it may not run now; None: it may."""
        with self._lock:
            return self._refusal(self._clock().monotonic())

    def history(self) -> list[ActionRecord]:
        """Return the records of the last 20 runs and refusals, oldest first."""
        return copied(self._records)

    # -- running it -----------------------------------------------------------------------------

    def run(
        self, *, verify: Verify | None = None, settle: Callable[[Any], Any] | None = None
    ) -> ActionRecord:
        """Do it if it may be done now, and say how it went; never raises an `Exception`.

        Args:
            verify: the check after it, where the action has none of its own.
            settle: awaits what an async action returns; default: on a loop of its own.
        """
        run, check, settles = self._begin(), self.verify or verify, settle or settled
        if run.acts:
            try:
                run.failure = _done(self.act, settles)
                run.after = self._measured()
                run.verified = None if run.failure else _verified(check, settles)
            except BaseException as error:  # whatever it did, it is over
                run.failure = error
                self._end(run)
                raise
        return self._end(run)

    async def run_async(self, *, verify: Verify | None = None) -> ActionRecord:
        """Do what `run` does, on the running loop; measuring and verifying must not block it."""
        run, check = self._begin(), self.verify or verify
        if run.acts:
            try:
                run.failure = await _done_async(self.act)
                run.after = self._measured()
                run.verified = None if run.failure else await _verified_async(check)
            except BaseException:  # cancelled: whatever it did, it is over
                self._end(run)
                raise
        return self._end(run)

    def _begin(self) -> _Run:
        """Take the right to run, and measure; nothing is done yet."""
        clock = self._clock()
        with self._lock:
            now = clock.monotonic()
            refusal = self._refusal(now)
            acts = refusal is None and not self.restraint.rules.dry_run
            if acts:
                self._running = True
                self.restraint.began(now)
        run = _Run(acts, refusal, clock.time(), now)
        if acts:
            run.before = self._measured()
        return run

    def _end(self, run: _Run) -> ActionRecord:
        """Judge a run, give the right back, and write the record."""
        outcome = Outcome.DRY if run.refusal is None else Outcome.REFUSED
        switched_off = False
        if run.acts:
            changed = self._changed(run.before, run.after)
            outcome = _outcome(run.failure, changed, run.verified)
        now = self._clock().monotonic()
        if run.acts:
            with self._lock:
                self._running = False
                switched_off = self.restraint.ended(now, useful=_useful(outcome))
        record = ActionRecord(
            self.name,
            self.component,
            at=run.at,
            elapsed=now - run.since,
            outcome=outcome,
            before=run.before,
            after=run.after,
            detail=run.refusal or _told(run.failure),
            switched_off=switched_off,
        )
        self._records.append(record)
        _log(record, self.restraint.rules)
        return record

    def _refusal(self, now: float) -> str | None:
        if self._running and not self.in_caller:
            return "is running"
        return self.restraint.refusal(now)

    def _measured(self) -> Any:
        try:
            return self.measure()
        except Exception:
            log.exception("action %r cannot measure", self.name)
            return None

    def _changed(self, before: Any, after: Any) -> bool | None:
        try:
            return self.changed(before, after)
        except Exception:
            log.exception("action %r cannot compare %r and %r", self.name, before, after)
            return None

    def _clock(self) -> Clock:
        return self.clock or _CLOCK

    def after_fork(self) -> None:
        """Begin in a forked child with nothing running."""
        self._lock = Lock()
        self._running = False


@dataclass(slots=True)
class _Run:
    """One run on its way."""

    acts: bool
    refusal: str | None
    at: float
    since: float
    before: Any = None
    after: Any = None
    failure: BaseException | None = None
    verified: bool | None = None


def _done(act: Callable[[], Any], settle: Callable[[Any], Any]) -> Exception | None:
    """Do it; return what it raised."""
    try:
        settle(act())
    except Exception as error:
        return error
    return None


async def _done_async(act: Callable[[], Any]) -> Exception | None:
    """Do it on the running loop; return what it raised."""
    try:
        answer = act()
        if isawaitable(answer):
            await answer
    except Exception as error:
        return error
    return None


def _verified(verify: Verify | None, settle: Callable[[Any], Any]) -> bool | None:
    if verify is None:
        return None
    try:
        passed = settle(verify())
    except Exception:
        log.debug("verification failed", exc_info=True)
        return False
    return None if passed is None else bool(passed)


async def _verified_async(verify: Verify | None) -> bool | None:
    if verify is None:
        return None
    try:
        passed = verify()
        if isawaitable(passed):
            passed = await passed
    except Exception:
        log.debug("verification failed", exc_info=True)
        return False
    return None if passed is None else bool(passed)


def _outcome(failure: BaseException | None, changed: bool | None, verified: bool | None) -> Outcome:
    if failure is not None:
        return Outcome.FAILED
    if verified:
        return Outcome.VERIFIED
    if changed is False or (changed is None and verified is False):
        return Outcome.UNCHANGED
    if verified is False:
        return Outcome.UNHELPFUL
    return Outcome.CHANGED if changed else Outcome.DONE


def _useful(outcome: Outcome) -> bool | None:
    if outcome is Outcome.DONE:
        return None
    return outcome in (Outcome.VERIFIED, Outcome.CHANGED, Outcome.UNHELPFUL)


def _told(failure: BaseException | None) -> str:
    return "" if failure is None else f"{type(failure).__name__}: {failure}"[:200]


def _log(record: ActionRecord, rules: Restraints) -> None:
    level = logging.INFO if record.ran else logging.DEBUG
    log.log(level, "action %r on %r: %s%s", record.action, record.component, record.outcome.value,
            f" ({record.detail})" if record.detail else "")  # fmt: skip
    if record.switched_off:
        log.warning("action %r on %r is off for %g s: it changed nothing twice in a row",
                    record.action, record.component, rules.off_for)  # fmt: skip


_CLOCK = SystemClock()
_all: weakref.WeakSet[Action] = weakref.WeakSet()


def _after_fork() -> None:
    for action in list(_all):
        action.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
