"""The states of a circuit: pure, told the time, without locks or I/O.

A state admits a call by giving it a permit, and hears of the outcome by that permit. While a
circuit is closed the permit is the window's `tick`, so a success is counted by taking
its next number; `Trial` and `PASSED` are iterators for the same reason, and count nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from itertools import repeat
from random import Random

from resilience.circuits.settings import CircuitSettings
from resilience.core.window import NOTHING, Counts, CountWindow, TimeWindow, Window

Permit = Iterator[object]


FIRST_SHARE = 0.1  # of calls, admitted at the start of a ramp


class CircuitState(StrEnum):
    """What a circuit does with calls."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    FORCED_OPEN = "forced_open"
    FORCED_CLOSED = "forced_closed"
    DISABLED = "disabled"


class Outcome(Enum):
    """What a call's end says about the thing called."""

    SUCCESS = 1
    FAILURE = 2
    NEUTRAL = 3


PASSED: Permit = repeat(None)
"""Permit of a call whose outcome concerns nobody."""


class Closed:
    """Calls pass; outcomes are counted in the window."""

    __slots__ = ("ramp_until", "since", "window")

    def __init__(self, settings: CircuitSettings, now: float, ramp: float = 0.0) -> None:
        self.since = now
        self.ramp_until = now + ramp
        self.window: Window = (
            TimeWindow(settings.window)
            if settings.window_calls is None
            else CountWindow(settings.window_calls)
        )

    def totals(self) -> Counts:
        """Return the calls that were counted in it."""
        return self.window.totals()

    def seen(self, now: float) -> Counts:
        """Return what people are shown: what the window holds."""
        return self.window.counts(now)

    def admits(self, settings: CircuitSettings, now: float, random: Random) -> bool:
        """Tell whether this call passes: all do, except during the ramp after closing."""
        left = self.ramp_until - now
        if left <= 0 or settings.ramp <= 0:
            return True
        done = max(0.0, 1 - left / settings.ramp)
        return random.random() < FIRST_SHARE + (1 - FIRST_SHARE) * done

    def verdict(self, settings: CircuitSettings, counts: Counts) -> str:
        """Return why the circuit must open with these counts, or ""."""
        if counts.calls < settings.calls_to_judge:
            return ""
        if (
            counts.failures >= settings.failure_threshold
            and counts.failures >= settings.failure_rate * counts.calls
        ):
            return "failure_rate"
        if counts.slow and counts.slow >= settings.slow_call_rate * counts.calls:
            return "slow_call_rate"
        return ""

    def is_pending(self, settings: CircuitSettings, counts: Counts) -> bool:
        """Tell whether a mere success can bring the verdict.

        It can by completing `min_calls`; or the verdict is due, after new settings or an order.
        """
        if counts.calls < settings.calls_to_judge:
            return bool(counts.failures or counts.slow)
        return self.verdict(settings, counts) != ""


@dataclass(frozen=True, slots=True)
class Open:
    """Calls are rejected until a moment; both in monotonic seconds.

    Args:
        since: when it opened.
        until: when a call may try again.
        counts: those that opened it.
    """

    since: float
    until: float
    counts: Counts = NOTHING

    def totals(self) -> Counts:
        """Return none: no call passes."""
        return NOTHING

    def seen(self, now: float) -> Counts:
        """Return what people are shown: what opened it."""
        return self.counts


class Trial:
    """The place of one trial call in a half-open circuit; `place` is the fleet's name for it."""

    __slots__ = ("expires", "place", "state")

    def __init__(self, state: HalfOpen, expires: float, place: str = "") -> None:
        self.state = state
        self.expires = expires
        self.place = place

    def __iter__(self) -> Trial:
        return self

    def __next__(self) -> None:
        """Stand in for a window's tick: a trial that ends late counts nowhere."""


class HalfOpen:
    """A few trial calls pass, and decide."""

    __slots__ = ("failures", "successes", "trials")

    def __init__(self) -> None:
        self.successes = self.failures = 0
        self.trials: list[Trial] = []  # those that have not returned, oldest first

    def totals(self) -> Counts:
        """Return the trials that were counted in it."""
        return Counts(self.successes + self.failures, self.failures, 0)

    def seen(self, now: float) -> Counts:
        """Return what people are shown: the trials that have ended."""
        return self.totals()

    def admit(self, settings: CircuitSettings, now: float) -> Trial | None:
        """Return a place, or None when all are taken."""
        while self.trials and self.trials[0].expires <= now:
            self.trials.pop(0)
        if len(self.trials) + self.successes + self.failures >= settings.half_open_calls:
            return None
        return self.begin(now + settings.trial_timeout)

    def begin(self, expires: float, place: str = "") -> Trial:
        """Return a place whether or not it is one too many."""
        trial = Trial(self, expires, place)
        self.trials.append(trial)
        return trial

    def wait(self, settings: CircuitSettings, now: float) -> float:
        """Return the seconds until a place is free at the latest; 0.0 where one is."""
        waiting = [trial for trial in self.trials if trial.expires > now]
        if len(waiting) + self.successes + self.failures < settings.half_open_calls:
            return 0.0
        return waiting[0].expires - now if waiting else 0.0

    def record(self, trial: Trial, outcome: Outcome, now: float) -> None:
        """Count a trial's end, unless it has given up its place."""
        if trial not in self.trials:
            return
        self.trials.remove(trial)
        if trial.expires <= now:
            return
        self.successes += outcome is Outcome.SUCCESS
        self.failures += outcome is Outcome.FAILURE

    def verdict(self, settings: CircuitSettings) -> type[Closed] | type[Open] | None:
        """Return the next state: closed, open, or not decided yet."""
        if self.successes >= settings.success_threshold:
            return Closed
        if settings.half_open_calls - self.failures < settings.success_threshold:
            return Open
        return None


@dataclass(frozen=True, slots=True)
class Forced:
    """What an operator ordered: `kind` is a forced state, or "shadow"; `until` is monotonic."""

    kind: str
    reason: str
    actor: str | None
    until: float
