"""Retries inside of retries: only the outermost guarded call is made again."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest

from resilience import System
from tests.strategies.retried import FUNCTIONS, KINDS, Call, Flaky, retry, run

DOWN = ConnectionError("down")
Wrap = Callable[[Call], Call]


def awaiting(inner: Call) -> Call:
    """Return a coroutine function that awaits `inner`."""

    async def outer() -> Any:
        return await inner()

    return outer


def gathering(inner: Call) -> Call:
    """Return one that runs it in a task."""

    async def outer() -> Any:
        return (await asyncio.gather(inner()))[0]

    return outer


def in_a_loop(inner: Call) -> Call:
    """Return a plain function that runs a loop for it."""

    def outer() -> Any:
        return asyncio.run(inner())

    return outer


def calling(inner: Call) -> Call:
    """Return a plain function that calls it."""

    def outer() -> Any:
        return inner()

    return outer


def in_a_coroutine(inner: Call) -> Call:
    """Return a coroutine function that calls it."""

    async def outer() -> Any:
        return inner()

    return outer


def in_a_thread(inner: Call) -> Call:
    """Return a coroutine function that calls it in a thread."""

    async def outer() -> Any:
        return await asyncio.to_thread(inner)

    return outer


def delegating(inner: Call) -> Call:
    """Return a generator function that gives its items."""

    def outer() -> Iterator[Any]:
        yield inner()

    return outer


@pytest.mark.parametrize("outer", [calling, in_a_coroutine, in_a_thread, delegating])
def test_three_around_three_are_three(system: System, outer: Wrap) -> None:
    """A plain function's failures are left to the retry around it."""
    upstream = Flaky(DOWN)
    inner = retry(system, budget=None)(upstream.ask)

    with pytest.raises(ConnectionError) as caught:
        run(retry(system, budget=None)(outer(inner)))

    assert len(upstream.calls) == 3
    assert len(caught.value.__notes__) == 2


@pytest.mark.parametrize("outer", [awaiting, gathering, in_a_loop])
def test_the_same_for_coroutines(system: System, outer: Wrap) -> None:
    """Awaited, in a task of its own, or in a loop of its own."""
    upstream = Flaky(DOWN)

    @retry(system, budget=None)
    async def inner() -> Any:
        return upstream.ask()

    with pytest.raises(ConnectionError):
        run(retry(system, budget=None)(outer(inner)))

    assert len(upstream.calls) == 3


@pytest.mark.parametrize("timed", ["outer", "between", "inner", "all"])
def test_threads_of_timed_calls_know_what_is_around_them(system: System, timed: str) -> None:
    """Wherever between the two the thread begins."""
    upstream = Flaky(DOWN)

    def limited(name: str, call: Call) -> Any:
        return system.timeout(5)(call) if timed in {name, "all"} else call

    inner = retry(system, budget=None)(limited("inner", upstream.ask))
    between = limited("between", calling(inner))
    outer = retry(system, budget=None)(limited("outer", calling(between)))

    with pytest.raises(ConnectionError):
        outer()

    assert len(upstream.calls) == 3


def test_threads_of_timed_generators_know_what_is_around_them(system: System) -> None:
    """Their steps run on a thread, too."""
    upstream = Flaky(DOWN)
    inner = retry(system, budget=None)(upstream.ask)

    with pytest.raises(ConnectionError):
        run(retry(system, budget=None)(system.timeout(5)(delegating(inner))))

    assert len(upstream.calls) == 3


def test_a_timed_call_that_nothing_is_around_retries_by_itself(system: System) -> None:
    """Also on a thread that another call has used."""
    upstream = Flaky(DOWN)
    guarded = retry(system, budget=None)(system.timeout(5)(upstream.ask))
    timed = system.timeout(5)(calling(guarded))

    for _ in range(2):
        with pytest.raises(ConnectionError):
            timed()

    assert len(upstream.calls) == 6


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_three_deep_are_three(system: System, kind: Call) -> None:
    """However deep they nest."""
    upstream = Flaky(DOWN)
    retried = retry(system, budget=None)

    with pytest.raises(ConnectionError):
        run(retried(calling(retried(calling(retried(kind(upstream.ask)))))))

    assert len(upstream.calls) == 3


def test_refused_results_are_left_to_the_outer_one(system: System) -> None:
    """They are returned to it."""
    upstream = Flaky("bad")
    inner = retry(system, on_result=lambda result: result == "bad")(upstream.ask)

    assert retry(system)(calling(inner))() == "bad"
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_inner_retry_works_by_itself(system: System, kind: Call) -> None:
    """Called outside of the other one, also after it, it retries as ever."""
    upstream = Flaky(DOWN, DOWN, DOWN, DOWN, "answer")
    inner = retry(system, budget=None)(upstream.ask)
    with pytest.raises(ConnectionError):
        run(retry(system, budget=None)(kind(inner)))

    assert inner() == "answer"
    assert len(upstream.calls) == 5


def test_tasks_side_by_side_do_not_nest(system: System) -> None:
    """Each has its own attempts, though all of them run at once."""
    upstream = Flaky(DOWN)

    @retry(system, budget=None)
    async def ask() -> Any:
        await asyncio.sleep(0)
        return upstream.ask()

    async def ten() -> list[Any]:
        return await asyncio.gather(*(ask() for _ in range(10)), return_exceptions=True)

    assert asyncio.run(ten()) == [DOWN] * 10
    assert len(upstream.calls) == 30


def test_threads_side_by_side_do_not_nest(system: System) -> None:
    """Each has its own attempts, also in the same context."""
    upstream = Flaky(DOWN)
    both = threading.Barrier(2, timeout=10)

    @retry(system, budget=None)
    def ask() -> Any:
        both.wait()
        return upstream.ask()

    with ThreadPoolExecutor(2) as pool:
        context = copy_context()
        asked = [pool.submit(copied.run, ask) for copied in (context.copy(), context.copy())]

    assert [each.exception() for each in asked] == [DOWN, DOWN]
    assert len(upstream.calls) == 6


def test_what_a_call_leaves_running_retries_by_itself(system: System) -> None:
    """A task that outlives the call that started it is nobody's inner call."""
    upstream = Flaky(DOWN, DOWN, "answer")
    go_on = asyncio.Event()

    @retry(system, budget=None)
    async def inner() -> Any:
        await go_on.wait()
        return upstream.ask()

    @retry(system, budget=None)
    async def outer() -> asyncio.Task[Any]:
        async def later() -> Any:
            await go_on.wait()
            return await inner()

        return asyncio.create_task(later())

    async def main() -> Any:
        task = await outer()
        go_on.set()
        return await task

    assert asyncio.run(main()) == "answer"
    assert len(upstream.calls) == 3


def test_the_reader_of_a_retried_generator_is_not_inside_it(system: System) -> None:
    """Between its items, and inside it after the first one, other calls retry by themselves."""
    upstream = Flaky(DOWN, "between", DOWN, "inside")
    ask = retry(system, budget=None)(upstream.ask)

    @retry(system, budget=None)
    def rows() -> Iterator[Any]:
        yield "first"
        yield ask()

    items = rows()

    assert next(items) == "first"
    assert ask() == "between"
    assert next(items) == "inside"
    assert len(upstream.calls) == 4


def test_after_a_success_the_next_call_is_outermost_again(system: System) -> None:
    """Nothing of a call stays behind in its thread, task or context."""
    upstream = Flaky("answer", DOWN, "answer", DOWN, "answer")

    @retry(system)
    async def ask() -> Any:
        return upstream.ask()

    async def thrice() -> list[Any]:
        return [await ask(), await ask(), await ask()]

    assert asyncio.run(thrice()) == ["answer"] * 3
    assert len(upstream.calls) == 5
