"""Operators: over settings over decorators, for a limited time; a kill over everything."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from resilience import ConfigurationError, Event, Feature, System
from resilience.testing import ManualClock


def changes(events: list[Event], name: str) -> list[tuple[bool, Any]]:
    """Return the changes of a feature that were told, `(enabled, reason)`."""
    return [
        (each.data["enabled"], each.data["reason"])
        for each in events
        if each.type == "feature_changed" and each.component == name
    ]


@pytest.fixture
def it(system: System) -> str:
    """Give the name of a feature that goes off at reduced."""
    system.degradation.add(Feature("it", off_at="reduced"))
    return "it"


def test_operators_are_over_settings_and_those_over_decorators(system: System) -> None:
    """In both directions."""

    @system.feature("it", otherwise="off", enabled=False)
    def call() -> str:
        return "on"

    told = [call()]
    system.configure({"degradation": {"features": {"it": {"enabled": True}}}})
    told.append(call())
    system.degradation.disable("it", "slow", "ann")
    told.append(call())
    system.degradation.release("it")
    told.append(call())
    system.configure({})
    told.append(call())
    system.degradation.enable("it", "please", "ann")
    told.append(call())

    assert told == ["off", "on", "off", "on", "off", "on"]


def test_enable_is_over_level_and_rules(system: System, it: str) -> None:
    """Whoever orders it takes the load upon them."""
    system.degradation.degrade("emergency", "drill")

    assert not system.degradation.enabled(it)
    system.degradation.enable(it, "the boss looks", "ann")
    assert system.degradation.enabled(it)


def test_a_kill_is_over_everything(system: System, it: str) -> None:
    """Before and after other orders; `recover` does not lift it, `release` does."""
    system.degradation.kill(it, "leaks data", "ann")
    system.degradation.enable(it, "but I want it", "bob")
    system.configure({"degradation": {"features": {"it": {"enabled": True, "rollout": 100}}}})
    system.degradation.recover()

    state = system.degradation.state().features[0]
    assert (state.enabled, state.cause, state.reason) == (False, "killed", "leaks data")
    assert state.orders["kill"].actor == "ann"
    system.degradation.release(it)
    assert system.degradation.enabled(it)


def test_orders_end_by_themselves_and_a_kill_does_not(
    system: System, it: str, clock: ManualClock, events: list[Event]
) -> None:
    """After an hour unless said; ends are told by the background engine."""
    system.degradation.disable(it, "an hour")
    clock.advance(3599)
    system.tick()
    assert not system.degradation.enabled(it)
    clock.advance(1)
    system.tick()
    assert changes(events, it) == [(False, "an hour"), (True, None)]
    system.degradation.disable(it, "ten minutes", for_=timedelta(minutes=10))
    clock.advance(600)
    assert system.degradation.enabled(it)
    system.degradation.kill(it, "for good")
    clock.advance(10**7)
    system.tick()
    assert not system.degradation.enabled(it)


def test_the_default_time_is_a_setting(system: System, it: str, clock: ManualClock) -> None:
    """`forced_for`, for levels and features."""
    system.configure({"degradation": {"forced_for": timedelta(minutes=2)}})
    system.degradation.disable(it)
    system.degradation.degrade("reduced", "drill")

    clock.advance(119)
    assert (system.degradation.level, system.degradation.enabled(it)) == ("reduced", False)
    clock.advance(1)
    assert (system.degradation.level, system.degradation.enabled(it)) == ("normal", True)


def test_events_say_who_why_and_until_when(system: System, it: str, events: list[Event]) -> None:
    """Each change once; an order that changes nothing tells nothing."""
    system.degradation.set_rollout(it, 20, "half a day", "ann", for_=50)
    system.degradation.set_rollout(it, 20, "again", "bob", for_=50)

    [event] = [each for each in events if each.type == "feature_changed"]
    assert event.component == it
    assert event.data == {
        "enabled": True,
        "capability": 100.0,
        "rollout": 20.0,
        "before": {"capability": 100.0, "rollout": 100.0},
        "cause": None,
        "reason": "half a day",
        "actor": "ann",
        "ends": 1_750_000_050.0,
    }


def test_a_forced_level_is_over_rules_in_both_directions(
    system: System, clock: ManualClock
) -> None:
    """Up and down; what rules ask for counts again when it ends."""
    bad = True
    system.degradation.metric("bad", lambda: float(bad))
    system.degradation.rule({"metric": "bad", "operator": ">", "value": 0, "level": "minimal"})

    def after(seconds: int) -> str:
        for _ in range(seconds):
            clock.advance(1)
            system.tick()
        return str(system.degradation.level)

    system.degradation.recover("stay up", "ann", for_=20)
    assert after(19) == "normal"
    assert after(1) == "minimal"
    system.degradation.degrade("reduced", "this will do", "manual", "ann", 20)
    assert after(19) == "reduced"
    assert after(1) == "minimal"
    system.degradation.recover("look again")
    assert after(4) == "normal"
    assert after(3) == "minimal"


def test_features_go_with_a_forced_normal(system: System, clock: ManualClock, it: str) -> None:
    """Rules about single features hold still as well."""
    system.degradation.metric("bad", lambda: 1.0)
    system.degradation.rule(
        {"metric": "bad", "operator": ">", "value": 0, "level": "reduced", "features": [it]}
    )
    for _ in range(7):
        system.tick()
        clock.advance(1)

    assert not system.degradation.enabled(it)
    system.degradation.recover("stay up", for_=20)
    for _ in range(19):
        system.tick()
        clock.advance(1)
    assert system.degradation.enabled(it)


def test_orders_survive_a_restart(system: System, clock: ManualClock) -> None:
    """As plain values; also before their features are described; those that ended stay out."""
    for name in ("killed", "off", "part", "over"):
        system.degradation.add(Feature(name, priority=100))
    system.degradation.degrade("reduced", "drill", actor="ann", for_=100)
    system.degradation.kill("killed", "leaks", "ann")
    system.degradation.disable("off", "slow", "bob", for_=100)
    system.degradation.set_rollout("part", 0, for_=100)
    system.degradation.disable("over", for_=30)
    kept = system.degradation.orders()

    clock.advance(40)
    later = System(clock=clock)
    later.degradation.restore(kept)
    for name in ("killed", "off", "part", "over"):
        later.degradation.add(Feature(name, priority=100))

    def on() -> list[bool]:
        return [later.degradation.enabled(name) for name in ("killed", "off", "part", "over")]

    assert (later.degradation.level, on()) == ("reduced", [False, False, False, True])
    assert later.degradation.state().actor == "ann"
    clock.advance(59)
    assert later.degradation.level == "reduced"
    clock.advance(1)
    assert (later.degradation.level, on()) == ("normal", [False, True, True, True])
    assert kept["features"]["off"]["enabled"] == {
        "value": False, "reason": "slow", "actor": "bob", "ends": 1_750_000_100.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("orders", "said"),
    [
        ([], "orders=.*give a table"),
        ({"level": {"value": "bad"}}, "give one of normal"),
        ({"level": 3}, "level=3: give a table"),
        ({"features": {"it": {"shoot": {}}}}, "give one of kill, enabled, rollout"),
        ({"features": {"it": {"rollout": {"value": 101}}}}, "value=101"),
        ({"features": {"it": {"kill": {"value": True, "ends": "soon"}}}}, "ends='soon'"),
    ],
)
def test_what_is_no_order_is_refused(system: System, orders: Any, said: str) -> None:
    """All of it: nothing is in force afterwards."""
    with pytest.raises(ConfigurationError, match=said):
        system.degradation.restore(orders)

    assert system.degradation.orders() == {"level": None, "features": {}}


@pytest.mark.parametrize("order", ["enable", "disable", "kill", "release"])
def test_orders_on_unknown_features_are_refused(system: System, it: str, order: str) -> None:
    """A slip in a hurry must not pass for done."""
    with pytest.raises(ConfigurationError, match="no feature 'itt'; did you mean 'it'"):
        getattr(system.degradation, order)("itt")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"for_": 0}, "for_=0: give a number > 0"),
        ({"for_": -1}, "for_=-1"),
        ({"for_": "1 h"}, "for_='1 h'"),
        ({"reason": 5}, "reason=5: give a text"),
        ({"actor": ""}, "actor=''"),
    ],
)
def test_orders_that_cannot_be_are_refused(
    system: System, it: str, options: Any, said: str
) -> None:
    """On features and levels alike; nothing changes."""
    given = {"reason": "drill", **options}
    orders: list[Callable[[], None]] = [
        lambda: system.degradation.disable(it, **options),
        lambda: system.degradation.kill(it, **options),
        lambda: system.degradation.degrade("reduced", **given),
    ]
    for order in orders:
        with pytest.raises(ConfigurationError, match=said):
            order()

    assert (system.degradation.level, system.degradation.enabled(it)) == ("normal", True)


def test_a_long_reason_is_shortened(system: System) -> None:
    """It may be the text of an exception; what is not printable is no reason to fail."""
    system.degradation.degrade("reduced", "line\n\x1b[31m  " + "x" * 500, trigger="healer")

    reason = system.degradation.state().reason
    assert reason is not None
    assert (reason[:10], len(reason)) == ("line [31m ", 200)


def test_a_failing_receiver_hurts_nobody(system: System, it: str) -> None:
    """Events are told after the change, with no lock held: a receiver may ask, and order."""
    seen: list[Any] = []

    def receiver(event: Event) -> None:
        seen.append(system.degradation.state().level)
        if event.type == "degradation_changed" and event.data["level"] == "reduced":
            system.degradation.recover()
        raise ValueError("broken")

    system.on_event(receiver)
    system.degradation.degrade("reduced", "drill")

    assert system.degradation.level == "normal"
    assert seen[0] == "reduced"


def test_what_is_on_stays_as_fast_while_a_level_is_forced(system: System, it: str) -> None:
    """Only where more may go off at its end does a call look at the clock."""
    system.degradation.add(Feature("kept", priority=100))
    switch = system.degradation.features["kept"]

    system.degradation.degrade("reduced", "drill", for_=60)
    assert switch.on
    system.degradation.degrade("minimal", "asked", trigger="healer", for_=100)
    assert not switch.on
    system.degradation.recover()
    assert switch.on
    system.degradation.enable("kept", for_=5)
    assert not switch.on


def test_a_forced_normal_ends_also_for_calls_that_nothing_else_wakes(
    system: System, clock: ManualClock
) -> None:
    """A deeper level is below it: calls see it at once, without any background."""
    call = system.feature("extras", otherwise="off", off_at="minimal")("".upper)
    system.degradation.degrade("minimal", "asked", trigger="healer", for_=100)
    system.degradation.degrade("normal", "stay up", for_=10)

    assert call() == ""
    clock.advance(10)
    assert call() == "off"
