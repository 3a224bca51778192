"""`@feature`: calls that are made only while the feature is on, whatever kind of function."""

import asyncio
import pickle
import random
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest

from resilience import (
    ConfigurationError,
    DecorationError,
    Event,
    FeatureDisabledError,
    System,
    UnknownSettingError,
    explain,
    feature,
)
from resilience import system as default_system
from resilience.core.request import Request, present
from resilience.testing import ManualClock, inactive, reset


def full(item: int = 1) -> Any:
    """Answer in full."""
    return f"full {item}"


async def full_async(item: int = 1) -> Any:
    """Answer in full."""
    return f"full {item}"


def full_items(item: int = 1) -> Iterator[str]:
    """Give items in full."""
    yield f"full {item}"
    yield "more"


async def full_async_items(item: int = 1) -> AsyncIterator[str]:
    """Give items in full."""
    yield f"full {item}"
    yield "more"


def basic(item: int = 1) -> Any:
    """Answer something simpler."""
    return f"basic {item}"


def listed(answer: Any) -> Any:
    """Return what a call of any kind gives, all of it."""

    async def awaited() -> Any:
        if hasattr(answer, "__aiter__"):
            return [each async for each in answer]
        return await answer

    if hasattr(answer, "__aiter__") or hasattr(answer, "__await__"):
        return asyncio.run(awaited())
    return list(answer) if isinstance(answer, Iterator) else answer


def basic_items(item: int = 1) -> Iterator[str]:
    """Give simpler items."""
    yield f"basic {item}"


async def basic_async(item: int = 1) -> Any:
    """Answer something simpler."""
    return f"basic {item}"


async def basic_async_items(item: int = 1) -> AsyncIterator[str]:
    """Give simpler items."""
    yield f"basic {item}"


@pytest.mark.parametrize(
    ("call", "otherwise", "on", "off"),
    [
        (full, basic, "full 2", "basic 2"),
        (full, "value", "full 2", "value"),
        (full, None, "full 2", None),
        (full_async, basic, "full 2", "basic 2"),
        (full_async, basic_async, "full 2", "basic 2"),
        (full_async, "value", "full 2", "value"),
        (full_items, basic_items, ["full 2", "more"], ["basic 2"]),
        (full_items, ["a"], ["full 2", "more"], ["a"]),
        (full_async_items, basic_async_items, ["full 2", "more"], ["basic 2"]),
        (full_async_items, basic_items, ["full 2", "more"], ["basic 2"]),
        (full_async_items, ["a"], ["full 2", "more"], ["a"]),
        (partial(full, 2), basic, "full 2", "basic 1"),
    ],
)
def test_every_kind_of_function_has_something_instead(
    system: System, call: Any, otherwise: Any, on: Any, off: Any
) -> None:
    """The call while it is on, by position and by name; else a value, or what a function says."""
    guarded = system.feature("extras", otherwise=otherwise, off_at="reduced")(call)
    args = () if isinstance(call, partial) else (2,)

    before = listed(guarded(*args)), listed(guarded(item=2)) if args else on
    system.degradation.degrade("reduced", "drill")
    after = listed(guarded(*args)), listed(guarded(item=2)) if args else off

    assert before == (on, on)
    assert after == (off, off)


@pytest.mark.parametrize("call", [full, full_async, full_items, full_async_items])
def test_without_anything_instead_the_call_is_refused(
    system: System, events: list[Event], call: Any
) -> None:
    """By name, and with the time to wait where somebody knows it."""
    guarded = system.feature("extras")(call)
    system.degradation.disable("extras", "too slow", "ann", for_=90)

    with pytest.raises(FeatureDisabledError, match="'extras' is off") as raised:
        listed(guarded())

    assert raised.value.retry_after == 90
    [rejected] = [each for each in events if each.type == "call_rejected"]
    assert (rejected.component, rejected.data["reason"]) == ("extras", "feature_off")


@pytest.mark.parametrize(("trigger", "wait"), [("manual", 70), ("healer", None)])
def test_the_time_to_wait_is_known_where_the_level_ends(
    system: System, clock: ManualClock, trigger: str, wait: float | None
) -> None:
    """By hand it does; what rules and others ask for ends when it ends."""
    guarded = system.feature("extras", off_at="reduced")(full)
    system.degradation.degrade("reduced", "drill", trigger, for_=90)
    clock.advance(20)

    with pytest.raises(FeatureDisabledError) as raised:
        guarded()

    assert raised.value.retry_after == wait


def test_methods_of_all_kinds(system: System) -> None:
    """Instance, class and static methods, and what is called with them."""
    extras = partial(system.feature, "extras", off_at="reduced")

    class Shop:
        name = "shop"

        @extras(otherwise=lambda self, item: f"basic {self.name} {item}")
        def method(self, item: str) -> str:
            """Answer for an instance."""
            return f"full {self.name} {item}"

        @classmethod
        @extras(otherwise=lambda cls, item: f"basic {cls.__name__} {item}")
        def of_class(cls, item: str) -> str:
            """Answer for the class."""
            return f"full {cls.__name__} {item}"

        @extras(otherwise=lambda item: f"basic {item}")
        @staticmethod
        def static(item: str) -> str:
            """Answer for nobody."""
            return f"full {item}"

    def ask() -> list[str]:
        return [Shop().method("a"), Shop.of_class("a"), Shop().static("a")]

    assert ask() == ["full shop a", "full Shop a", "full a"]
    system.degradation.degrade("reduced", "drill")
    assert ask() == ["basic shop a", "basic Shop a", "basic a"]


def test_it_is_the_outermost_layer(system: System) -> None:
    """A feature that is off is no failure that a fallback answers, and counts nowhere."""
    guarded = system.fallback("fallback")(system.feature("extras")(system.circuit("it")(full)))
    system.degradation.kill("extras", "broken")

    with pytest.raises(FeatureDisabledError):
        guarded()

    assert system.circuits["it"].snapshot().calls == 0


def test_a_reader_may_send_and_throw(system: System) -> None:
    """Generators are passed through whole."""

    def echo() -> Any:
        try:
            sent = yield "ready"
            yield f"got {sent}"
        except KeyError as error:
            yield f"caught {error}"
        return "end"

    guarded = system.feature("extras")(echo)

    first, second = guarded(), guarded()
    assert (next(first), first.send("a")) == ("ready", "got a")
    assert (next(second), second.throw(KeyError("b"))) == ("ready", "caught 'b'")


@pytest.mark.parametrize(
    ("call", "otherwise", "said"),
    [
        (full, basic_async, "async function, which cannot stand in for a function"),
        (full_items, 5, "5 has no items"),
        (full, lambda: "none", "does not take its arguments"),
        (full_async_items, basic_async, "cannot stand in for an async generator function"),
    ],
)
def test_what_cannot_stand_in_is_refused_at_decoration(
    system: System, call: Any, otherwise: Any, said: str
) -> None:
    """With names and why; and the feature is not described by it."""
    with pytest.raises(DecorationError, match=said) as raised:
        system.feature("extras", otherwise=otherwise)(call)

    assert str(raised.value).startswith("otherwise for ")
    assert "extras" not in system.degradation.features


def test_an_exception_of_the_call_is_its_own(system: System) -> None:
    """While the feature is on, nothing stands in for a failure."""

    @system.feature("extras", otherwise="instead")
    def fail() -> str:
        raise OSError("real")

    with pytest.raises(OSError, match="real"):
        fail()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"priority": 101}, "priority=101: give a number >= 0 and <= 100"),
        ({"priority": True}, "priority=True"),
        ({"off_at": "normal"}, "give one of reduced, minimal, emergency"),
        ({"off_at": "minimum"}, "did you mean 'minimal'"),
        ({"capability": {"reduced": 101}}, "capability at reduced=101"),
        ({"capability": {"bad": 50}}, "give one of normal, reduced"),
        ({"capability": {"reduced": 20, "minimal": 50}}, "50 at minimal is above 20 at reduced"),
        ({"capability": {"minimal": 5}, "off_at": "minimal"}, "it is off there"),
        ({"capability": [1]}, "give a table"),
        ({"rollout": -1}, "rollout=-1"),
        ({"rollout": float("nan")}, "rollout=nan"),
        ({"key": "user"}, "give a function"),
        ({"enabled": 1}, "give true or false"),
    ],
)
def test_impossible_settings_are_refused_on_their_own_line(
    system: System, options: Any, said: str
) -> None:
    """By name, with what is allowed, before there is any function."""
    with pytest.raises(ConfigurationError, match=said) as raised:
        system.feature("extras", **options)

    assert str(raised.value).startswith("feature 'extras': ")


def test_misuse_is_refused(system: System) -> None:
    """No name, an unknown argument, a class, twice on one function."""
    misused: Any = system.feature
    with pytest.raises(ConfigurationError, match='write @feature\\("search"\\)'):
        misused(full)
    with pytest.raises(ConfigurationError, match="give a printable text"):
        misused("")
    with pytest.raises(UnknownSettingError, match="unknown setting 'prority'; did you mean"):
        misused("extras", prority=3)
    with pytest.raises(DecorationError, match="on the class System"):
        misused("extras")(System)
    with pytest.raises(DecorationError, match="has a feature layer already"):
        misused("other")(misused("extras")(full))


def test_two_functions_share_a_feature(system: System) -> None:
    """Described once, or alike; otherwise it is refused, saying where."""
    first = system.feature("extras", otherwise="a", priority=10)(full)
    second = system.feature("extras", otherwise="b")(basic)
    third = system.feature("extras", otherwise="c", priority=10)(full_async)

    with pytest.raises(ConfigurationError, match=r"described by .*\.full with priority=10"):
        system.feature("extras", priority=20)(full_items)
    system.degradation.degrade("reduced", "drill")
    assert [listed(each()) for each in (first, second, third)] == ["a", "b", "c"]


def test_the_same_function_may_come_again(system: System) -> None:
    """A reload, or a notebook's cell: what it says now counts."""
    system.feature("extras", priority=10)(full)
    system.feature("extras", priority=95)(full)

    assert system.degradation.features["extras"].feature.priority == 95


def test_explain_says_what_is_in_force_and_why(system: System) -> None:
    """Each setting with its source, what comes instead, orders, and what is left."""
    guarded = system.feature("extras", otherwise=basic, off_at="minimal")(full)
    system.configure({"degradation": {"features": {"extras": {"priority": 70}}}})
    system.degradation.set_rollout("extras", 50, "try it", "ann")
    system.degradation.degrade("minimal", "drill")

    said = [line.strip() for line in explain(guarded).splitlines()]

    for line in [
        "→ feature 'extras'",
        "off_at = 'minimal'  (decorator)",
        "priority = 70.0  (settings)",
        "rollout = 100.0  (default)",
        f"otherwise {__name__}.basic  (decorator)",
        "rollout = 50.0  (operator ann: try it)",
        "0 % left  (level: drill)",
    ]:
        assert line in said


def test_inactive_guards_pass_all_calls(system: System) -> None:
    """Also of features that are killed, and described meanwhile."""
    guarded = system.feature("extras")(full)
    system.degradation.kill("extras", "broken")

    with inactive(system):
        meanwhile = system.feature("others", enabled=False)(full)
        assert (guarded(), meanwhile()) == ("full 1", "full 1")

    for call in (guarded, meanwhile):
        with pytest.raises(FeatureDisabledError):
            call()


def test_a_request_is_marked_by_what_was_stepped_down(system: System) -> None:
    """By a level or an operator; not by settings, or by a rollout that never reached it."""
    calls = {
        "level": system.feature("level", otherwise=None, off_at="reduced")(full),
        "killed": system.feature("killed", otherwise=None, priority=100)(full),
        "settings": system.feature("settings", otherwise=None, enabled=False)(full),
        "rollout": system.feature("rollout", otherwise=None, rollout=0)(full),
        "on": system.feature("on", otherwise=None, priority=100)(full),
    }
    system.degradation.kill("killed", "broken")
    system.degradation.degrade("reduced", "drill")

    token = present.set(request := Request())
    answers = [call() for call in calls.values()]
    present.reset(token)

    assert answers == [None, None, None, None, "full 1"]
    assert request.marks == {"level": "off", "killed": "off"}


def test_orders_end_by_themselves_also_for_calls(system: System, clock: ManualClock) -> None:
    """Nothing has to run in the background for it."""
    guarded = system.feature("extras", otherwise="off")(full)
    system.degradation.disable("extras", "drill", for_=10)

    assert guarded() == "off"
    clock.advance(10)
    assert guarded() == "full 1"


def test_it_pickles_where_the_system_is_known() -> None:
    """By reference: the other process describes the feature for itself."""
    guarded = feature("pickled", otherwise=basic, capability={"reduced": 50})(partial(full, 7))
    again = pickle.loads(pickle.dumps(guarded))

    assert again() == "full 7"
    default_system.degradation.kill("pickled", "drill")
    try:
        assert (guarded(), again()) == ("basic 1", "basic 1")
    finally:
        reset()
    assert guarded() == "full 7"


def test_by_chance_where_there_is_no_key() -> None:
    """A part of the calls, in about the right share."""
    system = System(clock=ManualClock(), random=random.Random(3))
    guarded = system.feature("extras", otherwise="off", rollout=30)(full)

    answers = [guarded() for _ in range(2000)]

    assert 540 <= answers.count("full 1") <= 660
