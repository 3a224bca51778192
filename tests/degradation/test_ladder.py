"""The ladder under any signal: against a plain description of what it promises."""

from collections.abc import Sequence
from itertools import pairwise
from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st

from resilience import Level, Rule
from resilience.degradation.ladder import Demand, Ladder, Watch

Change = tuple[float, Level]

seconds = st.sampled_from([0.0, 0.5, 1.0, 5.0, 20.0, 60.0, 90.0])
below_normal = st.sampled_from(list(Level)[1:])
values = st.one_of(st.none(), st.floats(0, 10), st.sampled_from([0.0, 4.0, 6.0, 10.0]))


@st.composite
def rules(draw: st.DrawFn) -> list[Rule]:
    """Draw rules on one number of 0 to 10, with and without a gap between their thresholds."""
    return [
        Rule(
            "dial",
            ">",
            value := draw(st.floats(1, 9)),
            draw(below_normal),
            for_=draw(seconds),
            clear=draw(st.one_of(st.none(), st.floats(0, value))),
            clear_for=draw(seconds),
        )
        for _ in range(draw(st.integers(1, 4)))
    ]


signals = st.lists(st.tuples(st.floats(0.1, 30), values, st.booleans()), min_size=1, max_size=150)
"""What is measured, `[(seconds since the one before, value, whether it could be read)]`."""


class Run:
    """A ladder that is shown a signal, and what it did."""

    def __init__(self, given: Sequence[Rule]) -> None:
        self.watches = [Watch(rule) for rule in given]
        self.ladder = Ladder()
        self.changes: list[Change] = []
        self.samples: list[tuple[float, float | None, bool]] = []
        self.now = 0.0

    def show(self, signal: Sequence[tuple[float, float | None, bool]]) -> None:
        """Show each value in its turn."""
        for passed, value, readable in signal:
            self.now += passed
            self.samples.append((self.now, value, readable))
            for watch in self.watches:
                if readable:
                    watch.see(value, self.now)
                else:
                    watch.miss("broken")
            before = self.ladder.level
            self.ladder.step(self.watches, self.now)
            if self.ladder.level is not before:
                self.changes.append((self.now, self.ladder.level))

    def steps(self) -> list[tuple[float, Level, Level]]:
        """Return `[(when, from, to)]`."""
        levels = [Level.NORMAL, *(level for _, level in self.changes)]
        times = [at for at, _ in self.changes]
        return [(at, *pair) for at, pair in zip(times, pairwise(levels), strict=True)]


@settings(max_examples=400)
@given(rules(), signals)
def test_at_most_two_changes_a_minute(
    given_rules: list[Rule], signal: list[tuple[float, float | None, bool]]
) -> None:
    """Under any signal and rules; three only where all of them go up, without a way back."""
    run = Run(given_rules)
    run.show(signal)

    steps = run.steps()
    for index, (at, _, _) in enumerate(steps):
        minute = [step for step in steps[index:] if step[0] < at + 59.999]
        ups = [after > before for _, before, after in minute]
        assert len(minute) <= (3 if all(ups) else 2)


@settings(max_examples=200)
@given(rules().map(lambda found: found[:1]), signals)
def test_one_rule_never_changes_more_than_twice_a_minute(
    one: list[Rule], signal: list[tuple[float, float | None, bool]]
) -> None:
    """Without any exception."""
    run = Run(one)
    run.show(signal)

    times = [at for at, _ in run.changes]
    assert all(third - first >= 59.999 for first, third in zip(times, times[2:], strict=False))


@settings(max_examples=200)
@given(rules(), signals)
def test_down_by_one_and_up_only_to_what_a_rule_asks_for(
    given_rules: list[Rule], signal: list[tuple[float, float | None, bool]]
) -> None:
    """Every change has its reason in what was measured."""
    run = Run(given_rules)
    run.show(signal)

    for at, before, after in run.steps():
        if after < before:
            assert after is before.milder
            continue
        asked = [rule for rule in given_rules if rule.level == after]
        assert any(_has_held(rule, run.samples, at) for rule in asked)


def _has_held(rule: Rule, samples: Sequence[tuple[float, float | None, bool]], at: float) -> bool:
    """Tell whether every sample of the last `for_` seconds, and one before them, was bad."""
    since = inf
    for moment, value, readable in samples:
        if moment > at:
            break
        bad = readable and value is not None and value > rule.value
        since = min(since, moment) if bad else inf
    return at - since >= rule.for_ - 1e-6


@given(rules(), signals)
def test_all_comes_back_when_all_is_well(
    given_rules: list[Rule], signal: list[tuple[float, float | None, bool]]
) -> None:
    """Whatever was before, and also where nothing can be read any more."""
    for value, readable in ((0.0, True), (None, True), (None, False)):
        run = Run(given_rules)
        run.show(signal)

        run.show([(1.0, value, readable)] * 400)

        assert run.ladder.level is Level.NORMAL


@given(rules(), signals, below_normal, st.floats(1, 100))
def test_a_demand_is_met_at_once_and_held(
    given_rules: list[Rule],
    signal: list[tuple[float, float | None, bool]],
    level: Level,
    lasts: float,
) -> None:
    """It is no signal: whoever asks has made up their mind. Rules may lead deeper meanwhile."""
    run = Run(given_rules)
    run.show(signal)

    run.ladder.ask(Demand(level, "asked", "healer", run.now + lasts), run.now)
    assert run.ladder.level >= level

    for _ in range(int(lasts) - 1):
        run.show([(1.0, 0.0, True)])
        assert run.ladder.level >= level
    run.show([(1.0, 0.0, True)] * 500)
    assert run.ladder.level is Level.NORMAL
