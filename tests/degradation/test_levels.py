"""The level of service: by hand, by those who ask, and back."""

from typing import Any

import pytest

from resilience import ConfigurationError, Event, Feature, Level, System
from resilience.testing import ManualClock


def told(events: list[Event]) -> list[tuple[str, str]]:
    """Return the changes of level that were told, `(from, to)`."""
    changes = [each.data for each in events if each.type == "degradation_changed"]
    return [(each["before"], each["level"]) for each in changes]


def test_all_is_normal_at_first(system: System) -> None:
    """Since the system was made, for no reason."""
    state = system.degradation.state()

    assert (state.level, state.since, state.reason) == ("normal", 1_750_000_000.0, None)
    assert (state.trigger, state.actor, state.ends) == (None, None, None)
    assert (state.features, state.rules) == ((), ())


def test_a_level_by_hand_says_who_why_and_until_when(
    system: System, clock: ManualClock, events: list[Event]
) -> None:
    """It ends by itself, also if nothing runs in the background."""
    clock.advance(10)

    system.degradation.degrade("minimal", "the shop is on TV", actor="ann", for_=60)

    state = system.degradation.state()
    assert (state.level, state.since) == ("minimal", 1_750_000_010.0)
    assert (state.reason, state.trigger, state.actor) == ("the shop is on TV", "manual", "ann")
    assert state.ends == 1_750_000_070.0
    clock.advance(59.9)
    assert system.degradation.level == "minimal"
    clock.advance(0.1)
    assert system.degradation.level == "normal"
    assert told(events) == [("normal", "minimal"), ("minimal", "normal")]
    assert system.degradation.state().reason == "over: the shop is on TV"


def test_by_hand_it_is_an_hour_unless_said(system: System, clock: ManualClock) -> None:
    """A level that somebody forgot ends."""
    system.degradation.degrade("reduced", "drill")

    clock.advance(3599)
    assert system.degradation.level == "reduced"
    clock.advance(1)
    assert system.degradation.level == "normal"


def test_who_asks_is_no_force(system: System, clock: ManualClock) -> None:
    """What the healer asks for lasts a minute, and then goes one level at a time."""
    system.degradation.degrade("minimal", "payments cannot be healed", trigger="healer")

    found = []
    for _ in range(130):
        clock.advance(1)
        system.tick()
        found.append(str(system.degradation.level))
    assert [found.count(each) for each in ("minimal", "reduced", "normal")] == [59, 60, 11]
    assert system.degradation.state().trigger == "healer"


def test_recover_goes_back_at_once(system: System, events: list[Event]) -> None:
    """Whatever led away: a person, or somebody who asked."""
    system.degradation.degrade("reduced", "asked", trigger="healer")
    system.degradation.degrade("emergency", "forced", actor="ann")

    system.degradation.recover("all is well", actor="bob")

    state = system.degradation.state()
    assert (state.level, state.reason, state.actor) == ("normal", "all is well", "bob")
    assert told(events) == [
        ("normal", "reduced"), ("reduced", "emergency"), ("emergency", "normal"),
    ]  # fmt: skip


@pytest.mark.parametrize("level", ["bad", "", None, 3, "NORMAL", "reducd"])
def test_unknown_levels_are_refused(system: System, level: Any) -> None:
    """By name, with those there are."""
    with pytest.raises(ConfigurationError, match="normal, reduced, minimal, emergency"):
        system.degradation.degrade(level, "drill")

    assert system.degradation.level == "normal"


def test_levels_compare_by_depth() -> None:
    """Not by the alphabet."""
    assert sorted(Level, reverse=True) == ["emergency", "minimal", "reduced", "normal"]
    assert Level.NORMAL < "reduced" <= Level.REDUCED < Level.EMERGENCY


def test_features_go_off_lowest_priority_first(system: System) -> None:
    """Below 30 at reduced, below 60 at minimal, below 90 at emergency; the rest never."""
    for priority in (10, 29, 30, 59, 60, 89, 90, 100):
        system.degradation.add(Feature(str(priority), priority=priority))

    off = {}
    for level in Level:
        system.degradation.degrade(level, "drill")
        off[level] = {each.name for each in system.degradation.state().features if not each.enabled}

    assert off[Level.NORMAL] == set()
    assert off[Level.REDUCED] == {"10", "29"}
    assert off[Level.MINIMAL] == off[Level.REDUCED] | {"30", "59"}
    assert off[Level.EMERGENCY] == off[Level.MINIMAL] | {"60", "89"}


def test_a_milder_demand_does_not_end_a_deeper_one(system: System, clock: ManualClock) -> None:
    """Of the same trigger: two components may be ill at once."""
    system.degradation.degrade("minimal", "database", trigger="healer", for_=100)
    system.degradation.degrade("reduced", "mail", trigger="healer", for_=300)

    for _ in range(99):
        clock.advance(1)
        system.tick()
    assert system.degradation.level == "minimal"
    for _ in range(150):
        clock.advance(1)
        system.tick()
    assert system.degradation.level == "reduced"


def test_step_down_goes_one_level_deeper(system: System) -> None:
    """But not beyond a level that is given."""
    found = [str(system.degradation.step_down("no answer")) for _ in range(3)]
    found.append(str(system.degradation.step_down("no answer", at_most="emergency")))

    assert found == ["reduced", "minimal", "minimal", "emergency"]


@pytest.mark.parametrize("level", ["normal", "bad"])
def test_nobody_but_a_person_asks_for_normal(system: System, level: str) -> None:
    """By hand it forces normal; others have `recover`."""
    with pytest.raises(ConfigurationError, match="give one of"):
        system.degradation.degrade(level, "all is well", trigger="healer")
    system.degradation.degrade("normal", "stay there", for_=5)
    assert system.degradation.state().ends is not None


def test_a_demand_for_some_seconds_is_over_then(system: System, clock: ManualClock) -> None:
    """The first step back comes with its end, the next a minute later."""
    system.degradation.degrade("minimal", "no answer", trigger="chaos", for_=10)

    found = []
    for _ in range(80):
        clock.advance(1)
        system.tick()
        found.append(str(system.degradation.level))
    assert [found.count(each) for each in ("minimal", "reduced", "normal")] == [9, 60, 11]
