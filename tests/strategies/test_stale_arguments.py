"""To which calls a kept answer is one: those with the same arguments, by value."""

import gc
import weakref
from typing import Any

import pytest

from resilience import System
from tests.strategies.conftest import Call, DownError, Upstream, as_coroutine, as_plain, run


def test_answers_are_kept_by_arguments(ask: Call, upstream: Upstream) -> None:
    """By value and type, by position and by name, in any order of names."""
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((1,), {}), ((1.0,), {}), ((True,), {}), (("1",), {}), ((), {"a": 1, "b": 2}), ((1, 2), {}),
    ]  # fmt: skip
    for number, (args, kwargs) in enumerate(calls):
        upstream.answer = number
        ask(*args, **kwargs)
    upstream.is_down = True

    assert [ask(*args, **kwargs) for args, kwargs in calls] == list(range(6))
    assert ask(b=2, a=1) == 4
    assert ask(3) == "nothing kept"


@pytest.mark.parametrize("argument", [[1], {"a": 1}, {1}, ([1],)])
def test_a_call_with_unhashable_arguments_is_not_kept(
    ask: Call, upstream: Upstream, argument: Any
) -> None:
    """It works as without `stale_for`."""
    upstream.answer = "good"
    assert ask(argument) == "good"
    upstream.is_down = True

    assert ask(argument) == "nothing kept"


def test_arguments_with_broken_hashes_break_no_call(ask: Call, upstream: Upstream) -> None:
    """Other people's `__hash__` may raise anything."""

    class Odd:
        def __hash__(self) -> int:
            raise LookupError

    upstream.answer = "good"
    assert ask(Odd()) == "good"
    upstream.is_down = True

    assert ask(Odd()) == "nothing kept"


def test_arguments_that_cannot_be_compared_break_no_call(ask: Call, upstream: Upstream) -> None:
    """Nor do other people's `__eq__`, which the second of two of one hash meets."""

    class Odd:
        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            raise LookupError

    upstream.answer = "good"
    assert [ask(Odd()), ask(Odd())] == ["good", "good"]
    upstream.is_down = True

    assert ask(Odd()) == "nothing kept"


@pytest.mark.parametrize("kind", [as_plain, as_coroutine])
def test_an_argument_is_the_same_by_position_and_by_name(system: System, kind: Call) -> None:
    """Who asks for the same thing in other words gets the answer."""
    is_down = False

    @system.fallback("nothing kept", stale_for=300)
    @kind
    def price(item: str, currency: str = "EUR", *, gross: bool = True) -> str:
        if is_down:
            raise DownError
        return f"{item} {currency} {gross}"

    run(price, "tea", "USD", gross=False)
    is_down = True

    assert run(price, currency="USD", item="tea", gross=False) == "tea USD False"
    assert run(price, "tea", gross=False, currency="USD") == "tea USD False"
    assert run(price, item="tea", currency="EUR", gross=False) == "nothing kept"


def test_a_methods_object_is_an_argument_and_not_kept_alive(system: System) -> None:
    """Each object has its own answers, which go unused when it is gone."""

    class Client:
        def __init__(self, name: str) -> None:
            self.name = name
            self.is_down = False

        @system.fallback("nothing kept", stale_for=300)
        def get(self, path: str) -> str:
            if self.is_down:
                raise DownError
            return self.name + path

    one, two = Client("one"), Client("two")
    for client in (one, two):
        client.get("/")
        client.is_down = True

    assert (one.get("/"), two.get("/"), one.get("/other")) == ("one/", "two/", "nothing kept")
    gone = weakref.ref(one)
    del one, client
    gc.collect()
    assert gone() is None
    assert two.get("/") == "two/"
    later = [Client("later") for _ in range(100)]
    for client in later:
        client.is_down = True
    assert {client.get("/") for client in later} == {"nothing kept"}
