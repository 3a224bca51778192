"""Features: who has how much of them, and that asking never hurts."""

import itertools
import logging
import random
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience import ConfigurationError, Event, Feature, FeatureState, Level, System
from resilience.core.request import Request, present
from resilience.degradation.switches import place_of
from resilience.testing import ManualClock

KEYS = [f"user {number}" for number in range(2000)]
percents = st.floats(min_value=0, max_value=100)


def new_system() -> System:
    """Make a system on a manual clock."""
    return System(clock=ManualClock(), random=random.Random(7))


def having(system: System, name: str) -> set[str]:
    """Return the keys that have a feature."""
    return {key for key in KEYS if system.degradation.enabled(name, key=key)}


@given(st.lists(percents, min_size=2, max_size=5))
def test_raising_a_rollout_only_adds_keys(rollouts: list[float]) -> None:
    """And lowering it only takes keys away; about as many have it as it says."""
    system = new_system()
    system.degradation.add(Feature("it", rollout=0))

    found = []
    for rollout in sorted(rollouts):
        system.degradation.set_rollout("it", rollout)
        found.append(having(system, "it"))

    assert all(fewer <= more for fewer, more in itertools.pairwise(found))
    for rollout, keys in zip(sorted(rollouts), found, strict=True):
        assert abs(len(keys) / len(KEYS) * 100 - rollout) < 5


def test_a_capability_adds_and_takes_the_same_keys(system: System) -> None:
    """Half of a rollout of 40 % are those that a rollout of 20 % has."""
    system.degradation.add(Feature("it", rollout=40, capability={"reduced": 50}))
    all_of_it = having(system, "it")

    system.degradation.degrade("reduced", "drill")
    half = having(system, "it")
    system.degradation.recover()
    system.degradation.set_rollout("it", 20)

    assert half < all_of_it
    assert having(system, "it") == half


def test_features_have_different_keys(system: System) -> None:
    """Who is among the first for one is not among the first for all."""
    for name in ("one", "other"):
        system.degradation.add(Feature(name, rollout=50))

    both = having(system, "one") & having(system, "other")

    assert 0.2 < len(both) / len(KEYS) < 0.3


def test_the_same_keys_in_every_process() -> None:
    """Whatever Python hashes texts to there."""
    code = "from resilience.degradation.switches import place_of; print(place_of('it', 'ada'))"

    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert told == {f"{place_of('it', 'ada')}\n"}


def test_keys_are_what_they_are_written_as(system: System) -> None:
    """A number is the same user as its digits: sessions and tables differ in that."""
    system.degradation.add(Feature("it", rollout=50))

    for number in range(50):
        as_number = system.degradation.enabled("it", key=number)
        assert as_number == system.degradation.enabled("it", key=str(number))


def test_the_features_own_key_is_asked(system: System) -> None:
    """By a call with its arguments, elsewhere with none."""
    present = ["ada"]
    system.degradation.add(Feature("it", rollout=50, key=lambda *user: (user or present)[0]))

    @system.feature("it", otherwise=False)
    def has(user: str) -> bool:
        return True

    for key in KEYS[:50]:
        present[0] = key
        expected = system.degradation.enabled("it", key=key)
        assert (system.degradation.enabled("it"), has(key)) == (expected, expected)


@pytest.mark.parametrize("limit", [0, 100])
def test_all_or_nothing_needs_no_key(system: System, limit: float) -> None:
    """No chance is drawn where there is nothing to decide."""
    system.degradation.add(Feature("it", rollout=limit))
    before = system.runtime.random.getstate()

    answers = {system.degradation.enabled("it") for _ in range(50)}

    assert answers == {limit == 100}
    assert system.runtime.random.getstate() == before


def test_a_request_draws_once(system: System) -> None:
    """Without a key; the next one draws again."""
    system.degradation.add(Feature("it", rollout=50))

    requests = []
    for _ in range(60):
        token = present.set(Request())
        requests.append({system.degradation.enabled("it") for _ in range(5)})
        present.reset(token)

    assert all(len(answers) == 1 for answers in requests)
    assert 15 < requests.count({True}) < 45


# -- what nobody described ---------------------------------------------------------------------


def test_an_unknown_feature_is_one_with_defaults(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    """On, until a level that takes features of its priority; said once."""
    degradation = system.degradation

    before = degradation.enabled("typo"), degradation.capability("typo")
    degradation.degrade("minimal", "drill")
    after = degradation.enabled("typo"), degradation.capability("typo")

    assert (before, after) == ((True, 100), (False, 0))
    assert [record.getMessage() for record in caplog.records] == [
        "no feature is called 'typo': it counts as one with defaults"
    ]


@pytest.mark.parametrize("default", [True, False])
def test_an_unknown_feature_has_the_default_that_is_given(
    system: System, caplog: pytest.LogCaptureFixture, default: bool
) -> None:
    """Then there is nothing to say."""
    assert system.degradation.enabled("typo", default) is default
    assert system.degradation.enabled("typo", default=default, key="ada") is default
    assert system.degradation.capability("typo", 40) == 40
    assert caplog.records == []


def test_made_up_names_fill_no_memory_and_no_log(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    """A name may come from a request."""
    for number in range(500):
        system.degradation.enabled(f"made up {number}")

    assert len(system.degradation.features) == 0
    assert len(caplog.records) == 100


class Nameless:
    """A key without a text."""

    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


@pytest.mark.parametrize("name", [None, 3, [], {}, Nameless(), b"it", "", "\ud800", "x" * 10_000])
def test_asking_for_anything_never_raises(system: System, name: Any) -> None:
    """Whatever is asked for, in whatever state."""
    for _ in Level:
        assert system.degradation.enabled(name) in {True, False}
        assert 0 <= system.degradation.capability(name) <= 100
        system.degradation.degrade(system.degradation.level.deeper, "drill")


def test_a_broken_key_is_left_to_chance(system: System, caplog: pytest.LogCaptureFixture) -> None:
    """One that cannot be found, and one that has no text; each is said once."""
    system.degradation.add(Feature("no text", rollout=50))
    system.degradation.add(Feature("raises", rollout=50, key=lambda: 1 // 0))

    answers = {system.degradation.enabled("no text", key=Nameless()) for _ in range(50)}
    answers &= {system.degradation.enabled("raises") for _ in range(50)}

    assert answers == {True, False}
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert system.degradation.enabled("no text", key="\ud800") in {True, False}


# -- how much at which level -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({}, [100, 100, 0, 0]),
        ({"priority": 0}, [100, 0, 0, 0]),
        ({"priority": 95}, [100, 100, 100, 100]),
        ({"off_at": "reduced", "priority": 100}, [100, 0, 0, 0]),
        ({"off_at": "emergency", "priority": 0}, [100, 100, 100, 0]),
        ({"capability": {"reduced": 40}}, [100, 40, 0, 0]),
        ({"capability": {"reduced": 40}, "off_at": "emergency"}, [100, 40, 40, 0]),
        ({"capability": {"minimal": 20}, "priority": 10}, [100, 100, 20, 0]),
        ({"capability": {"normal": 80, "emergency": 5}}, [80, 80, 80, 5]),
        ({"capability": {"reduced": 50, "minimal": 50, "emergency": 0}}, [100, 50, 50, 0]),
        ({"capability": {"reduced": 0}}, [100, 0, 0, 0]),
        ({"enabled": False}, [0, 0, 0, 0]),
    ],
)
def test_what_is_left_at_each_level(system: System, options: Any, left: list[float]) -> None:
    """A percentage named is what is left there; deeper down the rest decides."""
    system.degradation.add(Feature("it", **options))

    found = []
    for level in Level:
        system.degradation.degrade(level, "drill")
        found.append(system.degradation.capability("it"))

    assert left == found


@given(
    priority=percents,
    off_at=st.sampled_from([None, "reduced", "minimal", "emergency"]),
    steps=st.lists(percents, max_size=4),
)
def test_a_deeper_level_never_leaves_more(
    priority: float, off_at: str | None, steps: list[float]
) -> None:
    """Whatever a feature is told."""
    capability = dict(zip(Level, sorted(steps, reverse=True), strict=False))
    off = {level: 0.0 for level in capability if off_at is not None and level >= Level(off_at)}
    it = Feature("it", priority=priority, off_at=off_at, capability={**capability, **off})

    left = [it.left_at(level, {"reduced": 30, "minimal": 60, "emergency": 90}) for level in Level]

    assert left == sorted(left, reverse=True)


def test_reading_a_reduced_capability_marks_the_request(system: System) -> None:
    """Less than the settings leave at best; what they never leave is no degradation."""
    system.degradation.add(Feature("search", capability={"reduced": 50}))
    system.degradation.add(Feature("part", capability={"normal": 50}))
    token = present.set(request := Request())

    at_best = system.degradation.capability("search"), system.degradation.capability("part")
    assert (at_best, request.marks) == ((100, 50), None)
    system.degradation.degrade("reduced", "drill")
    reduced = system.degradation.capability("search"), system.degradation.capability("part")
    present.reset(token)

    assert (reduced, request.marks) == ((50, 50), {"search": "limited"})


def test_who_never_had_it_is_not_served_less(system: System) -> None:
    """Of a rollout in part only those are marked whom the level takes it from."""
    system.degradation.add(Feature("it", rollout=50, capability={"reduced": 50}))
    had = having(system, "it")
    system.degradation.degrade("reduced", "drill")

    for key in KEYS[:200]:
        token = present.set(request := Request())
        has = system.degradation.enabled("it", key=key)
        present.reset(token)
        assert request.marks == ({"it": "off"} if key in had and not has else None)


def test_others_may_limit_a_feature(system: System) -> None:
    """The lowest limit counts, until who set it takes it back."""
    system.degradation.add(Feature("it", capability={"reduced": 60}))

    def state() -> FeatureState:
        return system.degradation.state().features[0]

    system.degradation.limit("it", 50, by="dimmer", reason="p95 over 300 ms")
    system.degradation.limit("it", 70, by="quota")
    assert (state().capability, state().cause, state().reason) == (50, "dimmer", "p95 over 300 ms")
    system.degradation.limit("it", None, by="dimmer")
    assert (state().capability, state().cause) == (70, "quota")
    system.degradation.degrade("reduced", "drill")
    assert (state().capability, state().cause, state().reason) == (60, "level", "drill")
    system.degradation.enable("it")
    assert (state().capability, state().cause) == (100, "")


def test_limits_out_of_range_are_refused(system: System) -> None:
    """By name; and so are features that do not exist."""
    system.degradation.add(Feature("search"))
    with pytest.raises(ConfigurationError, match="left=101: give a number >= 0 and <= 100"):
        system.degradation.limit("search", 101, by="dimmer")
    with pytest.raises(ConfigurationError, match="no feature 'serch'; did you mean 'search'"):
        system.degradation.limit("serch", 10, by="dimmer")
    with pytest.raises(ConfigurationError, match="give a Feature"):
        system.degradation.add("search")  # type: ignore[arg-type]
    assert system.degradation.capability("search") == 100


def test_a_limit_that_drifts_is_told_in_steps(system: System, events: list[Event]) -> None:
    """Of ten percent, and where it begins and ends; a dimmer moves twice a second."""
    system.degradation.add(Feature("it"))

    for left in (95, 90, 88, 86, 84, 75, 79, 84, 86, 10, 1, 0, 2, 60, 100):
        system.degradation.limit("it", left, by="dimmer")
    system.degradation.limit("it", None, by="dimmer")

    told = [each.data["capability"] for each in events if each.type == "feature_changed"]
    assert told == [95, 84, 10, 0, 2, 60, 100]


def test_a_new_feature_is_no_change(system: System, events: list[Event]) -> None:
    """Also where it is off from the beginning."""
    system.degradation.add(Feature("off", enabled=False))
    system.degradation.add(Feature("part", rollout=20))

    assert events == []
