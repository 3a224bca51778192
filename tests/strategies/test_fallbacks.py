"""What a fallback answers with: values, functions of the arguments, in their order."""

import asyncio
import threading
from typing import Any

import pytest

from resilience import Source, fallback
from tests.strategies.conftest import Call, DownError, as_coroutine, down, failing, run


def test_a_good_answer_is_the_answer(kind: Call) -> None:
    """Sources are for failures."""
    assert run(fallback("instead")(kind(len)), "abc") == 3


def test_sources_are_tried_in_order(kind: Call) -> None:
    """Those that fail are passed over; the first answer is it."""
    guarded = fallback(failing(OSError("1")), failing(OSError("2")), "third", "fourth")(kind(down))

    assert run(guarded) == "third"


def test_priorities_come_before_the_order() -> None:
    """Lower first; equal ones as given; a bare source has 0."""
    tried = []

    def source(name: str) -> Call:
        def failed(*_: Any) -> Any:
            tried.append(name)
            raise OSError(name)

        return failed

    guarded = fallback(
        Source(source("late"), priority=10),
        source("bare"),
        Source(source("first"), priority=-1.5),
        Source(source("also late"), priority=10),
        source("bare too"),
    )(down)
    with pytest.raises(OSError, match="also late"):
        guarded()

    assert tried == ["first", "bare", "bare too", "late", "also late"]


@pytest.mark.parametrize("value", [[1, [2]], {"a": [1]}, {1, 2}, bytearray(b"a")])
def test_containers_are_copied_for_each_answer(kind: Call, value: Any) -> None:
    """What one caller does to its answer, the next does not see; not even inside."""
    guarded = fallback(value)(kind(down))

    first = run(guarded)
    assert first == value
    first.clear()

    assert run(guarded) == value
    assert run(guarded) is not run(guarded)


def test_what_lies_in_a_container_is_copied_too() -> None:
    """A copy that shares its lists would be none."""
    guarded = fallback({"items": []})(down)

    guarded()["items"].append("mine")

    assert guarded() == {"items": []}


def test_what_a_container_holds_need_not_be_copied() -> None:
    """A value with a lock or a generator in it answers as any other."""
    value = {"lock": threading.Lock(), "rows": (row for row in "ab")}

    assert fallback(value)(down)() == value


@pytest.mark.parametrize("value", [None, 0, "", (), frozenset({1}), object()])
def test_other_values_are_given_as_they_are(value: Any) -> None:
    """Nothing is wrong with an empty one."""
    assert fallback(value)(down)() is value


def test_a_callable_gets_the_arguments(kind: Call) -> None:
    """By position and by name, defaults left to the source."""

    def own(user: str, limit: int = 3, *, fast: bool = False) -> Any:
        raise DownError

    def source(user: str, limit: int = 5, *, fast: bool = False) -> Any:
        return (user, limit, fast)

    guarded = fallback(source)(kind(own))

    assert run(guarded, "ann") == ("ann", 5, False)
    assert run(guarded, user="ann", limit=1, fast=True) == ("ann", 1, True)


def test_other_names_for_the_same_arguments_are_no_obstacle(kind: Call) -> None:
    """Flask and Django call views by keyword; `lambda _: …` takes what comes by position."""

    def own(user: str, limit: int = 3, *, fast: bool = False) -> Any:
        raise DownError

    guarded = fallback(lambda who, most=5, *, fast=True: (who, most, fast))(kind(own))

    assert run(guarded, "ann") == ("ann", 5, True)
    assert run(guarded, "ann", limit=1) == ("ann", 1, False)
    assert run(guarded, user="ann") == ("ann", 3, False)


@pytest.mark.parametrize("by_name", [True, False])
def test_a_source_that_takes_error_gets_it(kind: Call, by_name: bool) -> None:
    """The very exception, in addition to the arguments."""

    def only_by_name(user: str, *, error: Exception) -> Any:
        return user, error

    def last(user: str, error: Exception) -> Any:
        return user, error

    def own(user: str) -> Any:
        raise DownError(user)

    user, error = run(fallback(only_by_name if by_name else last)(kind(own)), "ann")

    assert user == "ann"
    assert isinstance(error, DownError)
    assert error.args == ("ann",)


def test_an_argument_called_error_is_the_calls_own() -> None:
    """Where the function itself takes `error`, the source gets that one."""
    guarded: Call = fallback(lambda error: error)(lambda error: down())

    assert guarded("theirs") == "theirs"
    assert guarded(error="theirs") == "theirs"


def test_one_source_object_may_stand_in_for_two_functions() -> None:
    """What it learned of the one is not taken for the other."""
    shared = Source(lambda error: type(error).__name__)
    with_error: Call = fallback(shared)(lambda error: down())
    without: Any = fallback(shared)(lambda: down("own"))

    assert (without(), with_error("theirs")) == ("DownError", "str")


def test_a_coroutine_source_is_awaited() -> None:
    """For an async function, sources may be either."""

    async def source(*, error: Exception) -> str:
        await asyncio.sleep(0)
        return type(error).__name__

    assert run(fallback(failing(OSError()), source)(as_coroutine(down))) == "DownError"


def test_methods_get_their_object() -> None:
    """A source named in the class body takes `self`, whatever kind of method it is for."""

    class Shop:
        name = "shop"

        def cached(self, item: str) -> str:
            return f"{self.name} {item}"

        @classmethod
        def listed(cls, item: str) -> str:
            return f"{cls.name} {item}"

        @fallback(cached)
        def price(self, item: str) -> str:
            raise DownError

        @fallback(listed)
        @classmethod
        def total(cls, item: str) -> str:
            raise DownError

    assert (Shop().price("tea"), Shop().price(item="tea")) == ("shop tea", "shop tea")
    assert Shop.total("tea") == "shop tea"
