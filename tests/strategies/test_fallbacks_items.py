"""Fallbacks of generators: answered until the first item, passed through after it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest

from resilience import CircuitOpenError, DecorationError, Event, Source, System, fallback
from tests.strategies.conftest import DownError

Call = Callable[..., Any]


def rows(fails_after: int = 0) -> Iterator[int]:
    """Give some numbers, then fail."""
    yield from range(fails_after)
    raise DownError("own")


async def async_rows(fails_after: int = 0) -> AsyncIterator[int]:
    """Give some numbers, then fail, asynchronously."""
    for number in range(fails_after):
        yield number
    raise DownError("own")


def replica(fails_after: int = 0) -> Iterator[str]:
    """Give other rows."""
    yield from ("a", "b")


async def async_replica(fails_after: int = 0) -> AsyncIterator[str]:
    """Give other rows, asynchronously."""
    yield "a"
    yield "b"


def broken(fails_after: int = 0) -> Iterator[str]:
    """Fail before the first row."""
    raise OSError("broken")
    yield


async def async_broken(fails_after: int = 0) -> AsyncIterator[str]:
    """Fail before the first row, asynchronously."""
    raise OSError("broken")
    yield


def read(items: Any) -> list[Any]:
    """Read a generator, or an async one, to its end."""
    if isinstance(items, Iterator):
        return list(items)

    async def collect() -> list[Any]:
        return [item async for item in items]

    return asyncio.run(collect())


KINDS = [(rows, replica, broken), (async_rows, async_replica, async_broken)]


@pytest.fixture(params=KINDS, ids=["generator", "async generator"])
def kind(request: pytest.FixtureRequest) -> tuple[Call, Call, Call]:
    """Give the failing call, a source that works and one that fails, of either kind."""
    made: tuple[Call, Call, Call] = request.param
    return made


@pytest.mark.parametrize("value", [["a", "b"], ("a", "b"), "ab", replica, lambda _=0: ["a", "b"]])
def test_a_failure_before_the_first_item_is_answered(
    kind: tuple[Call, Call, Call], value: Any
) -> None:
    """By the items of a value, or of what a source gives."""
    assert read(fallback(value)(kind[0])()) == ["a", "b"]


def test_a_source_of_the_same_kind_answers(kind: tuple[Call, Call, Call]) -> None:
    """Its items are the answer."""
    call, source, _ = kind

    assert read(fallback(source)(call)()) == ["a", "b"]


def test_a_failure_after_the_first_item_is_the_readers(kind: tuple[Call, Call, Call]) -> None:
    """What the reader has cannot be taken back, and half of two answers is none."""
    guarded = fallback(["a", "b"])(kind[0])

    with pytest.raises(DownError):
        read(guarded(2))


def test_a_source_that_cannot_begin_has_failed(
    kind: tuple[Call, Call, Call], system: System, events: list[Event]
) -> None:
    """The next one answers, and is the one that is told of."""
    call, source, failing = kind
    guarded = system.fallback(failing, Source(source, name="replica"))(call)

    assert read(guarded()) == ["a", "b"]
    assert [event.data["source"] for event in events] == ["replica"]


def test_when_no_source_can_begin_its_error_comes_out(
    kind: tuple[Call, Call, Call], events: list[Event], system: System
) -> None:
    """`from` the call's own; nothing answered, so nothing is told."""
    call, _, failing = kind

    with pytest.raises(OSError, match="broken") as raised:
        read(system.fallback(failing)(call)())

    assert isinstance(raised.value.__cause__, DownError)
    assert events == []


def test_what_has_no_items_has_failed(kind: tuple[Call, Call, Call]) -> None:
    """A plain source may return anything; the next one answers."""
    assert read(fallback(lambda _=0: 5, ["a"])(kind[0])()) == ["a"]
    with pytest.raises(TypeError) as raised:
        read(fallback(lambda _=0: 5)(kind[0])())

    assert isinstance(raised.value.__cause__, DownError)


@pytest.mark.parametrize("empty", [[], (), lambda _=0: iter(())])
def test_an_empty_answer_is_an_answer(kind: tuple[Call, Call, Call], empty: Any) -> None:
    """No items, no error, no next source."""
    assert read(fallback(empty, ["next"])(kind[0])()) == []


def test_each_reader_gets_its_own_items(kind: tuple[Call, Call, Call]) -> None:
    """A list is copied, and a source called, for each."""
    guarded = fallback([["a"]])(kind[0])

    read(guarded())[0].append("mine")

    assert read(guarded()) == [["a"]]


def test_an_open_circuit_is_answered(kind: tuple[Call, Call, Call], system: System) -> None:
    """The rejection comes with the first item asked for, and is a failure like others."""
    guarded = system.fallback(["a"])(system.circuit("it", failure_threshold=1)(kind[0]))

    assert read(guarded()) == ["a"]
    assert system.circuits["it"].state == "open"
    assert read(guarded()) == ["a"]
    assert system.circuits["it"].snapshot().rejected == 1


def test_ignored_failures_are_the_readers(kind: tuple[Call, Call, Call], system: System) -> None:
    """As for functions."""
    guarded = system.fallback(["a"], ignore=CircuitOpenError)(system.circuit("it")(kind[0]))
    system.circuits["it"].force_open()

    with pytest.raises(CircuitOpenError):
        read(guarded())


def test_what_a_reader_sends_throws_and_gets_back_passes_through() -> None:
    """Of the call's own generator, and of the source's."""

    def echo() -> Generator[Any, Any, str]:
        got: list[Any] = []
        try:
            while len(got) < 2:
                try:
                    got.append((yield len(got)))
                except LookupError as error:
                    got.append(error.args[0])
        finally:
            log.append("closed")
        return f"returned {got}"

    def failing() -> Generator[Any, Any, str]:
        raise DownError
        yield

    log: list[str] = []
    for guarded in (fallback([])(echo), fallback(echo)(failing)):
        items = guarded()
        assert next(items) == 0
        assert items.send("sent") == 1
        with pytest.raises(StopIteration) as end:
            items.throw(LookupError("thrown"))
        assert end.value.value == "returned ['sent', 'thrown']"
        unfinished = guarded()
        next(unfinished)
        unfinished.close()

    assert log == ["closed"] * 4


def test_closing_an_async_answer_closes_its_source() -> None:
    """Not when the garbage collector comes by."""
    log = []

    async def source() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            log.append("closed")

    async def failing() -> AsyncIterator[int]:
        raise DownError
        yield

    async def main() -> None:
        items: Any = fallback(source)(failing)()
        assert await anext(items) == 1
        await items.aclose()
        assert log == ["closed"]

    asyncio.run(main())


def test_a_coroutine_for_a_generator_is_refused() -> None:
    """A plain source that returns one is found out at the call."""

    async def coroutine() -> list[int]:
        return []

    guarded = fallback(lambda _=0: coroutine())(rows)

    with pytest.raises(DecorationError, match="returned a coroutine"):
        list(guarded())
