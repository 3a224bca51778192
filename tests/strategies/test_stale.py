"""The last good answer: young enough, one's own, and before all sources."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from resilience import Event, Source, System
from resilience.core import degraded
from resilience.core.request import Request, present
from resilience.testing import ManualClock, inactive
from tests.strategies.conftest import (
    Call,
    DownError,
    Upstream,
    as_coroutine,
    as_maker,
    as_plain,
    run,
)


@pytest.mark.parametrize("kind", [as_plain, as_coroutine, as_maker])
def test_the_last_good_answer_comes_before_all_sources(
    system: System, upstream: Upstream, events: list[Event], kind: Call
) -> None:
    """The newest one, told as stale and marked so."""
    guarded = system.fallback(Source("nothing", priority=-1), stale_for=300)(kind(upstream.ask))
    for upstream.answer in ("old", "new"):
        assert run(guarded, 1) == upstream.answer
    upstream.is_down = True

    token = present.set(Request())
    assert run(guarded, 1) == "new"
    assert run(guarded, 2) == "nothing"
    present.reset(token)

    assert [event.data["source"] for event in events] == ["stale", "value"]


def test_it_is_marked_stale(ask: Call, upstream: Upstream) -> None:
    """`X-Degraded` tells stale answers from others."""
    ask()
    upstream.is_down = True
    token = present.set(Request())

    ask()
    assert list(degraded.marks().values()) == ["stale"]

    present.reset(token)


@pytest.mark.parametrize(("age", "answer"), [(0, "kept"), (299.9, "kept"), (300, "nothing kept")])
def test_it_must_be_younger_than_stale_for(
    ask: Call, upstream: Upstream, clock: ManualClock, age: float, answer: str
) -> None:
    """By the monotonic clock; a jump of the wall clock changes nothing."""
    upstream.answer = "kept"
    ask()
    upstream.is_down = True

    clock.advance(age)
    clock.wall -= 1e9

    assert ask() == answer


def test_a_stale_answer_is_not_renewed_by_being_given(
    ask: Call, upstream: Upstream, clock: ManualClock
) -> None:
    """Its age counts from when it was good."""
    ask()
    upstream.is_down = True
    for _ in range(4):
        clock.advance(74.0)
        assert ask() is None

    clock.advance(4.0)
    assert ask() == "nothing kept"


def test_a_kept_answer_is_nobodys_own(ask: Call, upstream: Upstream) -> None:
    """Neither the first caller nor a later one changes what the next one gets, at any depth."""
    answer: dict[str, Any] = {"items": [1], "total": ({"price": 2},)}
    upstream.answer = answer
    ask()
    answer["more"] = [2]
    answer["items"].append("the first one's")
    answer["total"][0]["price"] = 3
    upstream.is_down = True

    ask()["items"].append("mine")

    assert ask() == {"items": [1], "total": ({"price": 2},)}


def test_an_answer_that_is_read_only_once_is_not_kept(ask: Call, upstream: Upstream) -> None:
    """Its second reader would get nothing, and take it for the answer."""
    upstream.answer = iter([1, 2])
    assert list(ask()) == [1, 2]
    upstream.is_down = True

    assert ask() == "nothing kept"


def test_what_a_kept_list_holds_is_not_copied(ask: Call, upstream: Upstream) -> None:
    """It may be what cannot be: a lock, a connection."""
    upstream.answer = [lock := threading.Lock()]
    ask()
    upstream.is_down = True

    assert ask()[0] is lock


def test_an_answer_that_cannot_be_copied_is_not_kept(ask: Call, upstream: Upstream) -> None:
    """Other people's `__copy__` may raise anything."""

    class Odd(list[int]):
        def __copy__(self) -> "Odd":
            raise LookupError

    upstream.answer = Odd()
    assert ask() == []
    upstream.is_down = True

    assert ask() == "nothing kept"


def test_the_thousand_newest_are_kept(ask: Call, upstream: Upstream) -> None:
    """Renewed ones count as new."""
    for number in range(1000):
        upstream.answer = number
        ask(number)
    upstream.answer = "renewed"
    ask(0)
    upstream.answer = 1000
    ask(1000)
    upstream.is_down = True

    assert (ask(0), ask(1), ask(2), ask(1000)) == ("renewed", "nothing kept", 2, 1000)


def test_without_a_source_the_error_comes_out_when_nothing_is_kept(
    system: System, upstream: Upstream, clock: ManualClock
) -> None:
    """As it is, without a cause."""
    guarded: Call = system.fallback(stale_for=10)(upstream.ask)
    guarded()
    upstream.is_down = True

    assert guarded() is None
    clock.advance(10.0)
    with pytest.raises(DownError) as raised:
        guarded()
    assert raised.value.__cause__ is None


def test_without_cascade_the_first_source_still_follows(system: System, upstream: Upstream) -> None:
    """The kept answer is no source; where there is none, the first source is tried."""
    guarded: Call = system.fallback("first", "second", stale_for=10, cascade=False)(upstream.ask)
    upstream.is_down = True

    assert guarded() == "first"


def test_inactive_gives_no_stale_answer(ask: Call, upstream: Upstream, system: System) -> None:
    """Tests see the very failure."""
    ask()
    upstream.is_down = True

    with inactive(system), pytest.raises(DownError):
        ask()


def test_threads_keep_and_find_at_once(ask: Call, upstream: Upstream) -> None:
    """Eight threads over more arguments than are kept lose nothing that they may have."""
    upstream.answer = "kept"

    def work(number: int) -> None:
        for index in range(1000):
            assert ask(number, index) == "kept"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    upstream.is_down = True

    found = [ask(number, index) for number in range(8) for index in range(1000)]
    assert found.count("kept") == 1000


def test_tasks_keep_each_their_own(system: System) -> None:
    """Answers of calls that overlap do not mix."""

    @system.fallback(stale_for=10)
    async def call(number: int, *, is_down: tuple[bool, ...] = ()) -> int:
        await asyncio.sleep(0)
        if down_now:
            raise DownError
        return number

    async def main() -> list[int]:
        return list(await asyncio.gather(*[call(number) for number in range(100)]))

    down_now = False
    assert asyncio.run(main()) == list(range(100))
    down_now = True
    assert asyncio.run(main()) == list(range(100))


def test_answers_that_go_may_call_what_is_guarded(system: System) -> None:
    """A finalizer of theirs comes amid the keeping of another, and holds up nobody."""
    made: list[int] = []

    class Answer:
        def __init__(self, number: int) -> None:
            self.number = number

        def __del__(self) -> None:
            if self.number < 10:
                ask(10_000 + self.number)

    @system.fallback(None, stale_for=60)
    def ask(number: int) -> Answer:
        made.append(number)
        return Answer(number)

    thread = threading.Thread(target=lambda: [ask(n) for n in range(1_010)], daemon=True)
    thread.start()
    thread.join(30)

    assert (thread.is_alive(), len(made)) == (False, 1_020)
