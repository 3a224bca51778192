"""A circuit in plain words, to compare the real one with."""

import math
from dataclasses import dataclass, field

NEUTRAL = {"ignored", "cancelled", "rejected inside"}


@dataclass(frozen=True)
class Rules:
    """The settings that the model knows, with small numbers so that much happens."""

    failure_threshold: int = 2
    failure_rate: float = 0.5
    min_calls: int = 3
    window: float = 20.0
    window_calls: int | None = None
    slow_call_duration: float = 2.0
    slow_call_rate: float = 0.75
    reset_timeout: float = 10.0
    reset_timeout_multiplier: float = 2.0
    reset_timeout_max: float = 50.0
    half_open_calls: int = 3
    success_threshold: int = 2
    half_open_timeout: float = 8.0


@dataclass(eq=False)
class Permit:
    """A call that was let in: by which state (None: by nobody who counts), a trial until when."""

    era: object
    expires: float = math.inf


@dataclass
class Model:
    """A circuit without locks, short cuts or hot path: every call is kept and looked at."""

    rules: Rules
    bad_results: bool
    state: str = "closed"
    since: float = 0.0
    until: float = math.nan  # of the open state; read from the circuit, for its jitter
    era: object = field(default_factory=object)
    window: list[tuple[float, bool, bool]] = field(default_factory=list)
    trials: list[Permit] = field(default_factory=list)
    good: int = 0
    bad: int = 0
    opened_by: tuple[int, int, int] = (0, 0, 0)
    openings: int = 0  # that are not forgiven
    expected_wait: float = 0.0
    rejected: int = 0
    order: str = ""
    order_until: float = 0.0
    events: list[str] = field(default_factory=list)

    def admit(self, now: float) -> Permit | None:
        """Let a call in, or not."""
        self.end_order_in_time(now)
        if self.order == "disabled":
            return Permit(None)
        if self.order != "forced_open":
            permit = self.admit_by_state(now)
            if permit is not None or self.order == "shadow":
                return permit or Permit(None)
        self.rejected += 1
        return None

    def admit_by_state(self, now: float) -> Permit | None:
        """Let a call in as far as no operator has a say."""
        if self.state == "open" and now >= self.until:
            self.enter("half_open", now)
        if self.state == "closed":
            return Permit(self.era)
        if self.state == "open":
            return None
        self.trials = [trial for trial in self.trials if trial.expires > now]
        if len(self.trials) + self.good + self.bad >= self.rules.half_open_calls:
            return None
        self.trials.append(Permit(self.era, now + self.rules.half_open_timeout))
        return self.trials[-1]

    def finish(self, permit: Permit, end: str, started: float, now: float) -> None:
        """Hear how a call ended."""
        self.end_order_in_time(now)
        failed = end == "failure" or (end == "bad result" and self.bad_results)
        slow = now - started > self.rules.slow_call_duration
        if permit.era is not self.era or self.order in ("forced_open", "disabled"):
            return
        if self.state == "half_open":
            self.finish_trial(permit, end in NEUTRAL, failed or slow, now)
        elif end not in NEUTRAL:
            self.window.append((now, failed, slow))
            if self.must_open(now) and self.order != "forced_closed":
                self.open(now)

    def finish_trial(self, trial: Permit, neutral: bool, failed: bool, now: float) -> None:
        """Hear how a trial ended: if it still has its place, it may decide."""
        if trial not in self.trials or trial.expires <= now:
            return
        self.trials.remove(trial)
        self.bad += failed and not neutral
        self.good += not failed and not neutral
        if self.good >= self.rules.success_threshold:
            self.enter("closed", now)
        elif self.rules.half_open_calls - self.bad < self.rules.success_threshold:
            self.open(now)

    def counts(self, now: float) -> tuple[int, int, int]:
        """Return calls, failures and slow calls: in the window, that opened it, or of trials."""
        if self.state == "half_open":
            return self.good + self.bad, self.bad, 0
        if self.state == "open":
            return self.opened_by
        calls = self.window
        if self.rules.window_calls is not None:
            calls = calls[-self.rules.window_calls :]
        else:
            width = self.rules.window / 10
            calls = [call for call in calls if call[0] // width > now // width - 10]
        return len(calls), sum(call[1] for call in calls), sum(call[2] for call in calls)

    def must_open(self, now: float) -> bool:
        """Tell whether the window says that it is enough."""
        calls, failures, slow = self.counts(now)
        if calls < self.rules.min_calls:
            return False
        too_many = failures >= self.rules.failure_threshold
        return (
            too_many and failures / calls >= self.rules.failure_rate
        ) or slow / calls >= self.rules.slow_call_rate

    def open(self, now: float) -> None:
        """Open for twice as long as last time, unless that is forgiven."""
        self.opened_by = self.counts(now)
        if self.state == "closed":
            healthy = (now - self.since) // self.rules.reset_timeout_max
            self.openings = max(0, self.openings - int(healthy))
        wait = self.rules.reset_timeout * self.rules.reset_timeout_multiplier**self.openings
        self.openings += wait < self.rules.reset_timeout_max
        self.expected_wait = min(wait, self.rules.reset_timeout_max)
        self.enter("open", now)
        self.until = math.nan

    def enter(self, state: str, now: float, *, silently: bool = False) -> None:
        """Begin another state; permits of the one before are void."""
        self.state, self.since, self.era = state, now, object()
        self.window, self.trials, self.good, self.bad = [], [], 0, 0
        if not silently:
            self.announce()

    def announce(self) -> None:
        """Add the event of the present state."""
        names = {"closed": "closed", "open": "opened", "half_open": "half_opened"}
        self.events.append(f"circuit_{names[self.state]}")

    def ordered(self, now: float) -> str:
        """Return the operator's order in force, or ""."""
        return self.order if now < self.order_until else ""

    def shown(self, now: float) -> str:
        """Return the state that people see."""
        ordered = self.ordered(now)
        return self.state if ordered in ("", "shadow") else ordered

    def command(self, order: str, until: float, now: float) -> None:
        """Take an operator's order."""
        before = self.shown(now), self.ordered(now) == "shadow"
        if order == "forced_closed" and self.state != "closed":
            self.enter("closed", now, silently=True)
        self.order, self.order_until = order, until
        if before != (self.shown(now), order == "shadow"):
            self.events.append("circuit_forced")

    def end_order_in_time(self, now: float) -> None:
        """End an order whose time is up."""
        if self.order and not self.ordered(now):
            self.release()

    def release(self) -> None:
        """Go on where the circuit was before the order."""
        if self.order not in ("", "shadow"):
            self.announce()
        self.order = ""

    def reset(self, now: float) -> None:
        """Begin afresh."""
        changed = self.shown(now) != "closed"
        self.enter("closed", now, silently=not changed)
        self.order, self.openings, self.rejected = "", 0, 0
