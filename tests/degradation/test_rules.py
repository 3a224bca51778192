"""Rules: what they may say, and what follows from what is measured."""

import asyncio
import logging
import math
from typing import Any

import pytest

from resilience import ConfigurationError, Event, Feature, Rule, System, UnknownSettingError
from resilience.testing import ManualClock


class Dial:
    """A number that a test turns, and the levels that follow from it, second by second."""

    def __init__(self, system: System, clock: ManualClock) -> None:
        self.value: Any = 0.0
        self._system = system
        self._clock = clock
        system.degradation.metric("dial", self.read)

    def read(self) -> Any:
        """Return the number, or raise it if it is an exception."""
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value

    def follow(self, **rule: Any) -> None:
        """Follow a rule on it."""
        given = {"metric": "dial", "operator": ">", "value": 10, "level": "reduced", **rule}
        self._system.degradation.rule(given)

    def hold(self, value: Any, seconds: int) -> str:
        """Keep it at `value`, looked at every second; return the level at the end."""
        self.value = value
        for _ in range(seconds):
            self._system.tick()
            self._clock.advance(1)
        return str(self._system.degradation.level)


@pytest.fixture
def dial(system: System, clock: ManualClock) -> Dial:
    """Give a number to turn."""
    return Dial(system, clock)


def levels(events: list[Event]) -> list[tuple[float, str]]:
    """Return the changes of level that were told, `(when, to)`."""
    return [
        (each.monotonic, each.data["level"])
        for each in events
        if each.type == "degradation_changed"
    ]


# -- up and down -------------------------------------------------------------------------------


def test_up_at_once_when_it_has_held(dial: Dial, events: list[Event], system: System) -> None:
    """For `for_` seconds without a break, to whatever level the rule says."""
    dial.follow(level="emergency", for_=5)

    assert dial.hold(11, 5) == "normal"
    assert dial.hold(9, 1) == "normal"
    assert dial.hold(11, 5) == "normal"
    assert dial.hold(11, 1) == "emergency"

    assert levels(events) == [(11.0, "emergency")]
    state = system.degradation.state()
    assert (state.reason, state.trigger, state.ends) == ("dial > 10 (11)", "rule", None)


def test_down_one_level_at_a_time(dial: Dial, events: list[Event]) -> None:
    """Each after `clear_for` seconds without a break."""
    dial.follow(level="emergency", for_=0, clear_for=30)
    dial.hold(11, 1)
    dial.hold(9, 15)
    dial.hold(11, 1)

    assert dial.hold(9, 200) == "normal"

    assert levels(events) == [
        (0.0, "emergency"), (47.0, "minimal"), (77.0, "reduced"), (107.0, "normal"),
    ]  # fmt: skip


def test_between_the_thresholds_it_stays_where_it_is(dial: Dial) -> None:
    """Neither bad enough to go up, nor good enough to come down."""
    dial.follow(clear=5, for_=1, clear_for=10)

    assert dial.hold(8, 30) == "normal"
    assert dial.hold(11, 2) == "reduced"
    assert dial.hold(8, 300) == "reduced"
    assert dial.hold(5, 11) == "normal"


def test_the_deepest_rule_counts_and_milder_ones_hold(dial: Dial) -> None:
    """Coming down stops at the level of a rule that still holds."""
    dial.follow(value=10, level="reduced", for_=0)
    dial.follow(value=20, level="minimal", for_=0)
    dial.follow(value=30, level="emergency", for_=0)

    assert dial.hold(25, 1) == "minimal"
    assert dial.hold(35, 1) == "emergency"
    assert dial.hold(15, 300) == "reduced"
    assert dial.hold(9, 61) == "normal"


def test_the_reason_is_what_keeps_it_there(dial: Dial, system: System) -> None:
    """When what led to a level is over, and something else keeps it."""
    other = 0.0
    system.degradation.metric("other", lambda: other)
    dial.follow(level="reduced", for_=0)
    dial.follow(metric="other", level="reduced", value=1, for_=0)

    dial.hold(11, 1)
    other = 2.0
    dial.hold(11, 5)
    assert system.degradation.state().reason == "dial > 10 (11)"
    dial.hold(9, 300)
    assert system.degradation.state().reason == "other > 1 (2)"
    other = 0.0
    assert dial.hold(9, 61) == "normal"
    assert system.degradation.state().reason == "over: other > 1 (2)"


def test_three_steps_down_into_an_emergency_do_not_wait(dial: Dial, events: list[Event]) -> None:
    """Who falls does not oscillate."""
    for level, value in (("reduced", 10), ("minimal", 20), ("emergency", 30)):
        dial.follow(level=level, value=value)

    for value in (15, 25, 35):
        dial.hold(value, 6)

    assert levels(events) == [(5.0, "reduced"), (11.0, "minimal"), (17.0, "emergency")]


def test_a_swinging_signal_changes_the_level_twice_a_minute(
    dial: Dial, events: list[Event]
) -> None:
    """Also with rules that wait for nothing."""
    dial.follow(for_=0, clear_for=0)
    for _ in range(300):
        dial.hold(11, 1)
        dial.hold(9, 1)

    times = [at for at, _ in levels(events)]
    assert len(times) == 20
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[2:], strict=False))


@pytest.mark.parametrize(
    ("operator", "holds", "clear"),
    [("<", 9, 10), ("<=", 10, 11), (">", 11, 10), (">=", 10, 9), ("==", 10, 11), ("!=", 9, 10)],
)
def test_every_operator(dial: Dial, operator: str, holds: float, clear: float) -> None:
    """Each means what Python means by it."""
    dial.follow(operator=operator, for_=0)

    assert dial.hold(clear, 5) == "normal"
    assert dial.hold(holds, 1) == "reduced"
    assert dial.hold(clear, 61) == "normal"


def test_nothing_to_say_is_no_trouble(dial: Dial) -> None:
    """None, as an error rate without requests: it leads nowhere, and lets come back."""
    dial.follow(for_=0)

    assert dial.hold(None, 10) == "normal"
    assert dial.hold(11, 1) == "reduced"
    assert dial.hold(None, 61) == "normal"


def test_a_rule_about_features_leaves_the_level_alone(
    dial: Dial, system: System, events: list[Event]
) -> None:
    """They are as they would be at its level, and come back level by level."""
    system.degradation.add(Feature("search", capability={"reduced": 70, "minimal": 20}))
    system.degradation.add(Feature("other", priority=0))
    dial.follow(level="minimal", features=["search"], for_=0)

    found = []
    for value, seconds in ((11, 1), (9, 61), (9, 60)):
        assert dial.hold(value, seconds) == "normal"
        found.append(system.degradation.capability("search"))

    assert found == [20, 70, 100]
    assert [(each.component, each.data["cause"]) for each in events] == [
        ("search", "rule"), ("search", "rule"), ("search", None),
    ]  # fmt: skip
    assert system.degradation.enabled("other")


def test_rules_of_settings_that_stay_go_on(dial: Dial, system: System) -> None:
    """Reloading settings does not begin the time anew; a rule that goes lets come back."""
    rule = {"metric": "dial", "operator": ">", "value": 10, "level": "minimal"}
    system.configure({"degradation": {"rules": [rule]}})
    dial.hold(11, 4)

    system.configure({"degradation": {"rules": [{**rule, "value": 50}, rule]}})
    assert dial.hold(11, 2) == "minimal"
    system.configure({})
    assert dial.hold(11, 59) == "minimal"
    assert dial.hold(11, 1) == "reduced"


def test_rules_of_several_sources_are_all_followed(dial: Dial, system: System) -> None:
    """A file's, the app's, and those that code gives."""
    dial.follow(value=1, level="reduced", for_=0)
    for source, level, value in (("file", "minimal", 10), ("app", "emergency", 20)):
        rule = {"metric": "dial", "operator": ">", "value": value, "level": level, "for": 0}
        system.configure({"degradation": {"rules": [rule]}}, source=source)

    assert [dial.hold(value, 1) for value in (5, 15, 25)] == ["reduced", "minimal", "emergency"]


def test_switched_off_no_rule_is_followed(dial: Dial, system: System, clock: ManualClock) -> None:
    """And no healer; operators go on. What rules led to is over."""
    dial.follow(for_=0)
    assert dial.hold(11, 1) == "reduced"

    system.configure({"degradation": {"enabled": False}})
    assert dial.hold(11, 10) == "normal"
    system.degradation.degrade("minimal", "cannot be healed", trigger="healer")
    assert system.degradation.level == "normal"
    system.degradation.degrade("minimal", "by hand", for_=60)
    assert system.degradation.level == "minimal"


def test_the_interval_is_a_setting(dial: Dial, system: System) -> None:
    """Metrics are read once in it, whatever number of rules look."""
    reads: list[float] = []

    def read() -> float:
        reads.append(0.0)
        return 0.0

    system.degradation.metric("counted", read)
    for level in ("reduced", "minimal"):
        dial.follow(metric="counted", level=level)
    system.configure({"degradation": {"check_interval": 4}})

    dial.hold(0, 1)
    before = len(reads)
    dial.hold(0, 40)

    assert (before, len(reads)) == (1, 11)


# -- metrics that fail -------------------------------------------------------------------------


@pytest.fixture
def broken() -> Exception:
    """Give what a metric raises."""
    return ConnectionError("no queue at 10.0.0.7")


def test_a_metric_that_raises_makes_its_rules_inactive(
    dial: Dial, system: System, caplog: pytest.LogCaptureFixture, broken: Exception
) -> None:
    """It is logged once, said by `state()`, and others go on; it lets come back meanwhile."""
    dial.follow(for_=0)
    dial.follow(for_=0, level="minimal", value=50)
    system.degradation.metric("fine", lambda: 1.0)
    dial.follow(metric="fine", value=0, level="reduced", for_=3)
    assert dial.hold(11, 1) == "reduced"

    dial.hold(broken, 100)

    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "rules on 'dial' are inactive" in caplog.text
    found = {str(each.rule): each.error for each in system.degradation.state().rules}
    assert found == {
        "dial > 10": "ConnectionError: no queue at 10.0.0.7",
        "dial > 50": "ConnectionError: no queue at 10.0.0.7",
        "fine > 0": "",
    }
    assert system.degradation.level == "reduced"


@pytest.mark.parametrize("raised", [SystemExit(1), asyncio.CancelledError()])
def test_a_metric_that_would_end_its_thread_is_one_that_raises(
    dial: Dial, system: System, raised: BaseException
) -> None:
    """Rules on others are followed."""
    dial.follow()
    system.degradation.metric("fine", lambda: 1.0)
    dial.follow(metric="fine", value=0, level="reduced", for_=3)

    assert dial.hold(raised, 4) == "reduced"

    [failing, _] = system.degradation.rules
    assert failing.error.startswith(type(raised).__name__)


def test_a_level_of_an_inactive_rule_is_left_after_a_minute(dial: Dial, broken: Exception) -> None:
    """Nobody can tell whether it is still as bad; staying there for ever helps nobody."""
    dial.follow(for_=0, clear_for=5)
    assert dial.hold(11, 1) == "reduced"

    assert dial.hold(broken, 59) == "reduced"
    assert dial.hold(broken, 1) == "normal"


def test_it_is_followed_again_when_it_can_be_read(
    dial: Dial, caplog: pytest.LogCaptureFixture, broken: Exception
) -> None:
    """From the beginning; and the next failure is logged again."""
    dial.follow(for_=5)
    dial.hold(11, 4)
    dial.hold(broken, 1)

    assert dial.hold(11, 5) == "normal"
    assert dial.hold(11, 1) == "reduced"
    dial.hold(broken, 3)
    assert len(caplog.records) == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "11", [], object()])
def test_what_is_no_number_is_a_failure(dial: Dial, system: System, value: Any) -> None:
    """And leads nowhere."""
    dial.follow(for_=0, operator="!=", value=0)

    assert dial.hold(value, 5) == "normal"
    [state] = system.degradation.rules
    assert "which is no finite number" in state.error


# -- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"operator": "=>"}, "operator='=>': give one of < <= > >= == !="),
        ({"operator": None}, "operator=None"),
        ({"value": float("nan")}, "value=nan"),
        ({"value": "high"}, "value='high'"),
        ({"value": 20}, "value=20: error_rate is 0 to 1"),
        ({"metric": "health_score", "value": -1}, "health_score is 0 to 100"),
        ({"metric": "latency_p95:/pay", "value": -1}, "latency_p95:/pay is 0 or more"),
        ({"level": "normal"}, "give one of reduced, minimal, emergency"),
        ({"level": "critical"}, "give one of normal, reduced, minimal, emergency"),
        ({"for_": -1}, "for_=-1"),
        ({"clear_for": "1m"}, "clear_for='1m'"),
        ({"clear": 0.9}, "clear=0.9 with > 0.5: give at most 0.5"),
        ({"operator": "<", "clear": 0.1}, "clear=0.1 with < 0.5: give at least 0.5"),
        ({"operator": "==", "clear": 0.5}, "of no use with =="),
        ({"features": "search"}, "features='search': give a list of feature names"),
        ({"features": [3]}, "features=3"),
        ({"metric": ""}, "metric=''"),
    ],
)
def test_impossible_rules_are_refused_when_made(options: Any, said: str) -> None:
    """By name, with what is allowed."""
    given = {"metric": "error_rate", "operator": ">", "value": 0.5, "level": "reduced", **options}

    with pytest.raises(ConfigurationError, match=said) as raised:
        Rule(**given)

    assert str(raised.value).startswith("rule")


def test_unknown_arguments_and_missing_ones_are_refused() -> None:
    """Of a rule that a table describes."""
    with pytest.raises(UnknownSettingError, match="unknown setting 'treshold'"):
        Rule.of({"metric": "cpu", "treshold": 1})
    with pytest.raises(ConfigurationError, match="give its operator, value, level, too"):
        Rule.of({"metric": "cpu"})
    with pytest.raises(ConfigurationError, match="rule='cpu > 1': give a table"):
        Rule.of("cpu > 1")


def test_unknown_metrics_and_features_are_refused(system: System) -> None:
    """With what there is; nothing is followed then."""
    system.degradation.add(Feature("search"))
    wrong = {
        "unknown metric 'qeue'; did you mean 'queue'": Rule("qeue", ">", 1, "reduced"),
        "unknown metric 'x'; known: cpu, error_rate": Rule("x", ">", 1, "reduced"),
        "'queue' is not measured by part": Rule("queue:a", ">", 1, "reduced"),
        "metric 'error_rate:'": Rule("error_rate:", ">", 1, "reduced"),
        "unknown feature 'serch'; did you mean 'search'": Rule(
            "queue", ">", 1, "reduced", features=("serch",)
        ),
    }
    system.degradation.metric("queue", lambda: 0.0)

    for said, rule in wrong.items():
        with pytest.raises(ConfigurationError, match=said):
            system.degradation.rule(rule)

    assert system.degradation.rules == ()


def test_metrics_that_cannot_be_are_refused(system: System) -> None:
    """No name, no function, a name with a part."""
    wrong: Any = system.degradation.metric
    for args, said in [
        (("", float), "metric name=''"),
        (("a:b", float), "give a name without ':'"),
        (("queue", 5), "metric 'queue'=5: give a function"),
        (("queue", math.sqrt), "give a function that can be called with no argument"),
        (("queue", asyncio.sleep), "give a plain function, which an async function is not"),
        (("queue", float, 5), "of a part=5: give a function"),
        (("queue", float, system.tick), "can be called with one argument"),
    ]:
        with pytest.raises(ConfigurationError, match=said):
            wrong(*args)
    with pytest.raises(ConfigurationError, match="unknown metric 'queue'"):
        system.degradation.rule(Rule("queue", ">", 1, "reduced"))


def test_a_metric_may_be_measured_by_part(dial: Dial, system: System) -> None:
    """`queue:orders` asks for the queue of orders."""
    asked: list[str] = []

    def length(name: str) -> float:
        asked.append(name)
        return 11.0 if name == "orders" else 0.0

    system.degradation.metric("queue", lambda: 0.0, of=length)
    dial.follow(metric="queue:orders", for_=0)

    assert dial.hold(0, 1) == "reduced"
    assert asked == ["orders"]
