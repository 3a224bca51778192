"""`Fallback` without a decorator: any function, called or awaited."""

import asyncio
import gc
import weakref
from typing import Any

import pytest

from resilience import ConfigurationError, DecorationError, Event, Fallback, Source, System
from resilience.core import degraded
from resilience.core.request import Request, present
from resilience.testing import ManualClock, inactive
from tests.strategies.conftest import DownError, down, failing


async def down_async(*_: Any) -> Any:
    """Fail."""
    raise DownError("own")


def caching(*names: str) -> list[str]:
    """Answer with the call's arguments."""
    return ["cached", *names]


async def caching_async(*names: str) -> list[str]:
    """Answer with the call's arguments."""
    return ["awaited", *names]


def test_a_good_answer_is_the_answer(system: System) -> None:
    """With its arguments."""
    assert Fallback("instead", system=system).call(len, "abc") == 3
    assert Fallback("instead", system=system).call(dict, a=1) == {"a": 1}


def test_a_chain_as_it_is_written_elsewhere(system: System) -> None:
    """Primary cache, secondary cache, database: by priority, with the call's arguments."""
    chain = Fallback(
        Source(caching, priority=3, name="database"),
        Source(failing(OSError("gone")), priority=1, name="primary-cache"),
        Source(failing(OSError("gone")), priority=2, name="secondary-cache"),
        name="products",
        system=system,
    )

    assert chain.call(down, "tea") == ["cached", "tea"]


def test_only_the_first_source_without_a_cascade(system: System) -> None:
    """Its error comes out, from the call's own."""
    one = Fallback(failing(OSError("gone")), "never", cascade=False, system=system)

    with pytest.raises(OSError, match="gone") as caught:
        one.call(down)

    assert isinstance(caught.value.__cause__, DownError)


def test_a_source_may_take_the_error(system: System) -> None:
    """By its name."""

    def source(item: str, error: Exception) -> str:
        return f"{item}: {error}"

    assert Fallback(source, system=system).call(down, "tea") == "tea: own"


def test_coroutine_functions_are_awaited_with_their_sources(system: System) -> None:
    """By `call_async`, and by awaiting what `call` returns."""
    fallback = Fallback(caching_async, system=system)

    async def ask() -> list[Any]:
        return [
            await fallback.call_async(down_async, "a"),
            await fallback.call_async(down, "b"),
            await fallback.call_async(lambda: down_async(1)),
            await fallback.call(down_async, "c"),
            await Fallback("plain", system=system).call_async(down_async),
        ]

    assert asyncio.run(ask()) == [
        ["awaited", "a"],
        ["awaited", "b"],
        ["awaited"],
        ["awaited", "c"],
        "plain",
    ]


def test_an_async_source_cannot_answer_a_plain_call(system: System) -> None:
    """Said at once, not in the first outage; also of what turns out to be a coroutine then."""
    with pytest.raises(
        ConfigurationError, match=r"caching_async is an async function: use call_as"
    ):
        Fallback("first", caching_async, system=system).call(len, "fine")
    with pytest.raises(DecorationError, match="returned a coroutine"):
        Fallback(lambda: caching_async("a"), system=system).call(down)


def test_last_good_answers_are_each_functions_own(system: System, clock: ManualClock) -> None:
    """By its arguments, for as long as is said."""
    healthy = True

    def prices(item: str) -> str:
        return f"price of {item}" if healthy else down()

    def names(item: str) -> str:
        return f"name of {item}" if healthy else down()

    stale = Fallback("nothing", stale_for=60, system=system)
    for function in (prices, names):
        stale.call(function, "tea")
    healthy = False

    assert stale.call(prices, "tea") == "price of tea"
    assert stale.call(names, "tea") == "name of tea"
    assert stale.call(names, "milk") == "nothing"
    clock.advance(60)
    assert stale.call(prices, "tea") == "nothing"


def test_last_good_answers_of_methods_are_their_objects_own(system: System) -> None:
    """And keep no object alive."""

    class Shop:
        def __init__(self, name: str | None) -> None:
            self.name = name

        def ask(self) -> str:
            return self.name or down()

    stale = Fallback("nothing", stale_for=60, system=system)
    one, two = Shop("one"), Shop("two")
    for shop in (one, two):
        stale.call(shop.ask)
        shop.name = None

    assert (stale.call(one.ask), stale.call(two.ask)) == ("one", "two")
    alive = weakref.ref(one)
    del one, shop
    gc.collect()
    assert alive() is None


def test_an_answer_marks_the_request_and_is_told(system: System, events: list[Event]) -> None:
    """By the fallback's name."""
    token = present.set(Request())
    Fallback("instead", name="prices", system=system).call(down)
    Fallback("instead", system=system).call(down)
    marks = degraded.marks()
    present.reset(token)

    assert marks == {"prices": "fallback", "fallback": "fallback"}
    assert [(each.type, each.component) for each in events] == [
        ("fallback_used", "prices"),
        ("fallback_used", "fallback"),
    ]


def test_it_answers_for_what_it_is_told_to(system: System) -> None:
    """`ignore` beats `on`; interruptions and inactive guards are never answered for."""
    told = Fallback("instead", on=OSError, ignore=TimeoutError, system=system)

    assert told.call(failing(OSError())) == "instead"
    for error in (TimeoutError(), ValueError()):
        with pytest.raises(type(error)):
            told.call(failing(error))
    with pytest.raises(KeyboardInterrupt):
        Fallback("instead", on=BaseException, system=system).call(failing(KeyboardInterrupt()))  # type: ignore[arg-type]
    with inactive(system), pytest.raises(OSError):  # noqa: PT011 - whatever it says
        told.call(failing(OSError()))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"stale_for": 0}, "stale_for=0"),
        ({"on": "OSError"}, "on='OSError'"),
        ({"cascade": "yes"}, "cascade='yes'"),
        ({"name": ""}, "name=''"),
    ],
)
def test_what_cannot_be_is_refused_by_name(options: dict[str, Any], words: str) -> None:
    """As the decorator refuses it."""
    with pytest.raises(ConfigurationError, match=words):
        Fallback("instead", **options)
    with pytest.raises(ConfigurationError, match="needs something to answer with"):
        Fallback()


def test_it_describes_itself(system: System) -> None:
    """Its name, then what it tries in which order."""
    described = [
        *Fallback(Source([], name="empty"), caching, stale_for=9, system=system).describe()
    ]

    assert described[:4] == [
        "fallback 'fallback'",
        "stale_for = 9.0  (decorator)",
        "source empty  (decorator)",
        f"source {__name__}.caching  (decorator)",
    ]
