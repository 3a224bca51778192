"""What cannot be a fallback is refused at decoration, in words that say why."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from resilience import (
    ConfigurationError,
    DecorationError,
    Source,
    UnknownSettingError,
    explain,
    fallback,
)
from tests.strategies.conftest import as_coroutine, as_maker, down

Call = Callable[..., Any]


def plain(user: str, limit: int = 3, *, fast: bool = False) -> Any:
    """Be what is guarded."""
    return user


async def coroutine(user: str, limit: int = 3, *, fast: bool = False) -> Any:
    """Be what is guarded, asynchronously."""
    return user


def generator(user: str, limit: int = 3, *, fast: bool = False) -> Iterator[Any]:
    """Be what is guarded, item by item."""
    yield user


async def async_generator(user: str, limit: int = 3, *, fast: bool = False) -> AsyncIterator[Any]:
    """Be what is guarded, item by item, asynchronously."""
    yield user


class AsyncObject:
    """A source that is an object with an async call."""

    async def __call__(self, user: str, limit: int = 3, *, fast: bool = False) -> Any:
        """Answer."""
        return user


@pytest.mark.parametrize(
    ("call", "source"),
    [
        (plain, coroutine),
        (plain, generator),
        (plain, async_generator),
        (plain, AsyncObject()),
        (plain, functools.partial(coroutine)),
        (coroutine, generator),
        (coroutine, async_generator),
        (generator, coroutine),
        (generator, async_generator),
        (async_generator, coroutine),
    ],
)
def test_a_source_of_another_kind_is_refused(call: Call, source: Call) -> None:
    """Async for sync, or items for one answer; the error names both and their kinds."""
    with pytest.raises(DecorationError, match=f"{call.__name__}.*cannot stand in for a") as raised:
        fallback("first", source)(call)

    assert isinstance(raised.value, TypeError)


@pytest.mark.parametrize(
    ("call", "source"),
    [
        (coroutine, plain),
        (generator, plain),
        (async_generator, plain),
        (async_generator, generator),
        (plain, functools.partial(plain)),
        (coroutine, AsyncObject()),
        (plain, dict),
        (plain, staticmethod(plain)),
    ],
)
def test_a_source_that_can_stand_in_is_taken(call: Call, source: Call) -> None:
    """A plain source serves every kind."""
    assert fallback(source)(call).__wrapped__ is call  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "source",
    [
        lambda: 1,
        lambda user: 1,
        lambda user, limit: 1,
        lambda user, limit=3: 1,
        lambda user, limit=3, *, fast=False, more: 1,
        lambda *, error: 1,
        functools.partial(plain, "ann"),
    ],
)
def test_a_source_that_takes_other_arguments_is_refused(source: Call) -> None:
    """The error shows both signatures."""
    with pytest.raises(DecorationError, match=r"\(user: str, limit: int = 3, .*does not take"):
        fallback(source)(plain)


@pytest.mark.parametrize(
    "source",
    [
        lambda *_, **__: 1,
        lambda user, *rest, fast=False: 1,
        lambda a, b=1, *, fast=True, more=2: 1,
        lambda user, limit=3, *, fast=False, error: 1,
    ],
)
def test_a_source_that_takes_more_is_taken(source: Call) -> None:
    """Other names, further defaults and `error` are no mismatch."""
    guarded = fallback(source)(plain)

    assert guarded("ann") == "ann"


@pytest.mark.parametrize(
    "source",
    [
        lambda user, limit, fast: (user, limit, fast),
        lambda who, most, *, fast: (who, most, fast),
        lambda user, limit, fast, *, error: (user, limit, fast),
    ],
)
def test_a_source_gets_the_calls_defaults_where_it_has_none(source: Call) -> None:
    """A view of FastAPI has a default for everything, and is called with everything."""

    def call(user: str, limit: int = 3, *, fast: bool = False) -> Any:
        raise ConnectionError

    guarded = fallback(source)(call)

    assert guarded("ann") == ("ann", 3, False)
    assert guarded(user="ann", fast=True, limit=5) == ("ann", 5, True)


@pytest.mark.parametrize("call", [generator, async_generator])
@pytest.mark.parametrize("value", [None, 5, object()])
def test_a_value_without_items_is_refused_for_a_generator(call: Call, value: Any) -> None:
    """What gives items needs items."""
    with pytest.raises(DecorationError, match="has no items"):
        fallback(value)(call)


@pytest.mark.parametrize("call", [generator, async_generator])
def test_stale_items_are_refused_for_a_generator(call: Call) -> None:
    """They are not kept, so there would never be any."""
    with pytest.raises(ConfigurationError, match=r"stale_for=30.0 on the .*generator function"):
        fallback([], stale_for=30)(call)


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"on": "OSError"}, "on='OSError': give an exception type"),
        ({"ignore": 5}, "ignore=5: give an exception type"),
        ({"stale_for": 0}, "stale_for=0: give a number > 0"),
        ({"stale_for": -1}, "stale_for=-1: give a number > 0"),
        ({"stale_for": True}, "stale_for=True: give a number > 0"),
        ({"stale_for": float("nan")}, "stale_for=nan: give a number > 0"),
        ({"cascade": "no"}, "cascade='no': give true or false"),
    ],
)
def test_a_value_out_of_range_is_refused(given: dict[str, Any], refused: str) -> None:
    """On the line of the decorator, before there is a function."""
    with pytest.raises(ConfigurationError, match=refused):
        fallback("instead", **given)


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"priority": "high"}, "priority='high': give a number"),
        ({"priority": float("nan")}, "priority=nan: give a number"),
        ({"priority": None}, "priority=None: give a number"),
        ({"name": ""}, "name='': give a printable text"),
        ({"name": 5}, "name=5: give a printable text"),
    ],
)
def test_a_source_out_of_range_is_refused(given: dict[str, Any], refused: str) -> None:
    """A priority that cannot be compared would order nothing."""
    with pytest.raises(ConfigurationError, match=refused):
        Source("instead", **given)


@pytest.mark.parametrize(
    ("name", "said"),
    [("stale_fro", "did you mean 'stale_for'"), ("zzz", "known: cascade, ignore, on, stale_for")],
)
def test_an_unknown_argument_is_refused(name: str, said: str) -> None:
    """With near names, else all."""
    with pytest.raises(UnknownSettingError, match=f"{name!r}; {said}"):
        fallback("instead", **{name: 5})  # type: ignore[arg-type]


def test_nothing_to_answer_with_is_refused() -> None:
    """A fallback of nothing is a mistake; one that only keeps answers is none."""
    with pytest.raises(ConfigurationError, match="needs something to answer with"):
        fallback()

    assert fallback(stale_for=5)(plain)("ann") == "ann"


def test_a_coroutine_for_a_sync_function_is_refused_when_it_is_returned() -> None:
    """A plain function hid it until the call; the next source does not hide it for good."""
    guarded = fallback(as_maker(down), "next")(down)

    with pytest.raises(DecorationError, match=r"down returned a coroutine for a sync function"):
        guarded()


def test_a_coroutine_for_a_function_that_returns_coroutines_is_awaited() -> None:
    """There it is what is due."""
    guarded = fallback(as_maker(lambda: "instead"))(as_maker(down))

    assert asyncio.run(guarded()) == "instead"
    assert asyncio.run(fallback(as_maker(lambda: 5))(as_coroutine(down))()) == 5


def test_explain_shows_sources_in_their_order_and_every_number() -> None:
    """Given ones as the decorator's, others as defaults."""
    guard = fallback(Source([], 5, name="nothing"), plain, on=OSError, stale_for=30)

    lines = [line.strip() for line in explain(guard(plain)).splitlines()]

    assert lines[1:] == [
        "→ fallback",
        "stale_for = 30.0  (decorator)",
        f"source {__name__}.plain  (decorator)",
        "source nothing  (decorator)",
        "on = OSError  (decorator)",
        "ignore = ()  (default)",
        "cascade = True  (default)",
        "→ the call",
    ]
