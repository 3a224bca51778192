"""What the fleet decides about one circuit: pure, told the time of the store.

`settle` is the whole of it. The Lua script of `redis.py` says the same in its own words; one
contract suite holds both to it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, fields

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"

BUCKETS = 10
QUORUM = 2  # workers that must fail before the fleet opens, where so many are alive
GRANT = 1.0  # seconds for which a place for a trial is kept until the trial begins
SUCCESS, FAILURE, NEUTRAL, RUNNING = "success", "failure", "neutral", "running"


@dataclass(frozen=True, slots=True)
class Rules:
    """When the fleet's circuit opens and comes back; units and ranges as in `CircuitSettings`."""

    failure_threshold: int
    failure_rate: float
    calls_to_judge: int
    window: float
    slow_call_rate: float
    reset_timeout: float
    reset_timeout_multiplier: float
    reset_timeout_max: float
    half_open_calls: int
    success_threshold: int
    trial_timeout: float


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker tells of one circuit.

    Args:
        name: the circuit's.
        rules: by which this worker judges it.
        epoch: number, >= 0, of the fleet's state that the worker knows.
        state: that state.
        left: seconds, >= 0, that it stays open.
        calls, failures, slow: calls counted since the last report.
        wants: whether calls wait for a trial.
        trials: `{place: success | failure | neutral | running}`, of places the worker was given.
        reset: an operator closed it afresh.
        error: the last failure, as a text.
    """

    name: str
    rules: Rules
    epoch: int = 0
    state: str = CLOSED
    left: float = 0.0
    calls: int = 0
    failures: int = 0
    slow: int = 0
    wants: bool = False
    trials: dict[str, str] = field(default_factory=dict)
    reset: bool = False
    error: str = ""


@dataclass(slots=True)
class Record:
    """What the store keeps of one circuit; all times are seconds of the store's own clock.

    Args:
        epoch: grows with every transition, and fences everything.
        state: closed, open, or half_open.
        since: when that began.
        until: when it may be tried again.
        relapses: openings not yet forgiven.
        buckets: `{number of a tenth of the window: [calls, failures, slow]}`.
        failing: `{worker: when it last failed}`.
        trials: `{place: [worker, when it ends, 1 once it has begun]}`.
        given: places given in this round, >= 0.
        successes, failures: trials of this round that ended so.
        reason, counts, error: with what it opened; counts are `[calls, failures, slow]`.
        rules, ruled_by: the rules that were told last, and by whom.
        reported: when a worker told something last.
    """

    epoch: int = 0
    state: str = CLOSED
    since: float = 0.0
    until: float = 0.0
    relapses: int = 0
    buckets: dict[str, list[int]] = field(default_factory=dict)
    failing: dict[str, float] = field(default_factory=dict)
    trials: dict[str, list[str | float]] = field(default_factory=dict)
    given: int = 0
    successes: int = 0
    failures: int = 0
    reason: str = ""
    counts: list[int] = field(default_factory=lambda: [0, 0, 0])
    error: str = ""
    rules: str = ""
    ruled_by: str = ""
    reported: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a worker is told of one circuit.

    Args:
        name: the circuit's.
        epoch: number of the fleet's state, >= 0.
        state: that state.
        left: seconds, >= 0, until it may be tried again.
        relapses: openings not yet forgiven.
        made: this worker's report made the transition; it is the one to tell of it.
        place: a place for one trial, or "".
        place_lasts: seconds for which it is kept until the trial begins.
        reason: why it opened: "failure_rate", "slow_call_rate" or "trial_failed".
        counts: calls, failures and slow calls of the fleet it opened with.
        error: the failure it opened with, as a text.
        differs: another live worker judges it by other rules.
    """

    name: str
    epoch: int
    state: str
    left: float
    relapses: int = 0
    made: bool = False
    place: str = ""
    place_lasts: float = GRANT
    reason: str = ""
    counts: tuple[int, int, int] = (0, 0, 0)
    error: str = ""
    differs: bool = False


def settle(
    record: Record, report: Report, now: float, worker: str, live: Collection[str]
) -> tuple[str, bool]:
    """Take a report into the record.

    Returns the place that the worker gets for a trial, or "", and whether the report made a
    transition.

    Args:
        record: is changed.
        report: what `worker` tells.
        now: seconds of the store's clock.
        worker: its name.
        live: all workers heard of lately, this one included.
    """
    record.reported = now
    if report.epoch > record.epoch:
        _catch_up(record, report, now)
    before = record.epoch
    if report.reset:
        _enter(record, CLOSED, now)
        record.relapses = 0
    _count(record, report, now, worker)
    _trip(record, report.rules, now, live)
    if record.state == OPEN and report.wants and now >= record.until:
        _enter(record, HALF_OPEN, now)
    if record.state == HALF_OPEN:
        _hear_trials(record, report, now, worker, live)
        _judge(record, report.rules, now)
    place = _grant(record, report, now, worker) if record.state == HALF_OPEN else ""
    return place, record.epoch != before


def differs(record: Record, report: Report, worker: str, live: Collection[str]) -> bool:
    """Tell whether another live worker told other rules last; these take their place."""
    these = told(report.rules)
    other = record.rules not in ("", these) and record.ruled_by != worker
    other = other and record.ruled_by in live
    record.rules, record.ruled_by = these, worker
    return other


def told(rules: Rules) -> str:
    """Return rules as a text; the same rules give the same."""
    return " ".join(f"{float(getattr(rules, each.name)):.14g}" for each in fields(Rules))


def verdict_on(name: str, record: Record, now: float) -> Verdict:
    """Return what any worker is told of a record."""
    calls, failures, slow = record.counts
    return Verdict(
        name, record.epoch, record.state, max(0.0, record.until - now), record.relapses,
        reason=record.reason, counts=(calls, failures, slow), error=record.error,
    )  # fmt: skip


def _catch_up(record: Record, report: Report, now: float) -> None:
    """Take up what the worker knows: the store was emptied, or an older one took its place.

    Trials under way are unknown to it, so a half-open circuit is tried anew.
    """
    record.epoch = report.epoch - 1
    _enter(record, CLOSED if report.state == CLOSED else OPEN, now)
    record.until = now + report.left
    record.relapses = max(record.relapses, 0 if report.state == CLOSED else 1)
    if report.state == HALF_OPEN:
        record.until = now
        record.epoch += 1


def _enter(record: Record, state: str, now: float) -> None:
    record.epoch += 1
    record.state, record.since = state, now
    record.buckets, record.failing, record.trials = {}, {}, {}
    record.given = record.successes = record.failures = 0


def _count(record: Record, report: Report, now: float, worker: str) -> None:
    if record.state != CLOSED or report.epoch != record.epoch:
        return
    index = int(now // (report.rules.window / BUCKETS))
    record.buckets = {
        number: counts for number, counts in record.buckets.items() if int(number) > index - BUCKETS
    }
    if report.calls > 0:
        counts = record.buckets.setdefault(str(index), [0, 0, 0])
        for each, more in enumerate((report.calls, report.failures, report.slow)):
            counts[each] += more
    if report.failures > 0 or report.slow > 0:
        record.failing[worker] = now
        record.error = report.error or record.error


def _trip(record: Record, rules: Rules, now: float, live: Collection[str]) -> None:
    if record.state != CLOSED:
        return
    counts = [sum(each) for each in zip(*record.buckets.values(), strict=True)] or [0, 0, 0]
    reason = _reason(counts, rules)
    record.failing = {
        worker: at for worker, at in record.failing.items() if at > now - rules.window
    }
    if reason and len(record.failing) >= min(QUORUM, max(1, len(live))):
        _open(record, rules, now, reason, counts)


def _reason(counts: list[int], rules: Rules) -> str:
    calls, failures, slow = counts
    if calls < rules.calls_to_judge:
        return ""
    if failures >= rules.failure_threshold and failures >= rules.failure_rate * calls:
        return "failure_rate"
    return "slow_call_rate" if slow > 0 and slow >= rules.slow_call_rate * calls else ""


def _open(record: Record, rules: Rules, now: float, reason: str, counts: list[int]) -> None:
    if record.state == CLOSED:
        forgiven = int((now - record.since) // rules.reset_timeout_max)
        record.relapses = max(0, record.relapses - forgiven)
    longest = max(rules.reset_timeout, rules.reset_timeout_max)
    # From 64 on any factor that matters is far beyond the longest time.
    wait = rules.reset_timeout * rules.reset_timeout_multiplier ** min(record.relapses, 64)
    if wait < longest:
        record.relapses += 1
    _enter(record, OPEN, now)
    record.until = now + min(wait, longest)
    record.reason, record.counts = reason, counts


def _hear_trials(
    record: Record, report: Report, now: float, worker: str, live: Collection[str]
) -> None:
    record.trials = {
        place: trial for place, trial in record.trials.items() if float(trial[1]) > now
        and trial[0] in live
    }  # fmt: skip
    for place, outcome in report.trials.items():
        trial = record.trials.get(place)
        if trial is None or trial[0] != worker:
            continue
        if outcome == RUNNING:
            if not trial[2]:
                trial[1:] = [now + report.rules.trial_timeout, 1]
            continue
        del record.trials[place]
        record.successes += outcome == SUCCESS
        record.failures += outcome == FAILURE


def _judge(record: Record, rules: Rules, now: float) -> None:
    if record.successes >= rules.success_threshold:
        _enter(record, CLOSED, now)
    elif rules.half_open_calls - record.failures < rules.success_threshold:
        tried = [record.successes + record.failures, record.failures, 0]
        _open(record, rules, now, "trial_failed", tried)


def _grant(record: Record, report: Report, now: float, worker: str) -> str:
    taken = len(record.trials) + record.successes + record.failures
    if not report.wants or taken >= report.rules.half_open_calls:
        return ""
    record.given += 1
    place = f"{record.epoch}.{record.given}"
    record.trials[place] = [worker, now + GRANT, 0]
    return place
