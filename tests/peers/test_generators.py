"""Peers' flaws with generators: failures not seen, and what is sent in gets lost."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from resilience import CircuitOpenError, System


def failing(items: int) -> Generator[int, None, None]:
    """Give some numbers, then fail."""
    yield from range(items)
    raise OSError("torn")


async def failing_async(items: int) -> AsyncGenerator[int, None]:
    """Give some numbers, then fail."""
    for item in range(items):
        yield item
    raise OSError("torn")


def echo(log: list[str]) -> Generator[str, str, str]:
    """Answer what is sent in or thrown in, until "stop" comes."""
    answer = "ready"
    try:
        while True:
            try:
                sent = yield answer
            except LookupError as error:
                answer = f"caught {error.args[0]}"
                continue
            if sent == "stop":
                return "returned"
            answer = f"got {sent}"
    finally:
        log.append("cleaned up")


async def echo_async(log: list[str]) -> AsyncGenerator[str, str]:
    """Answer what is sent in or thrown in, until "stop" comes."""
    answer = "ready"
    try:
        while True:
            try:
                sent = yield answer
            except LookupError as error:
                answer = f"caught {error.args[0]}"
                continue
            if sent == "stop":
                return
            answer = f"got {sent}"
    finally:
        log.append("cleaned up")


async def drain(stream: AsyncGenerator[Any, Any]) -> list[Any]:
    """Collect all items of an async generator."""
    return [item async for item in stream]


@pytest.mark.parametrize("items", [0, 3])
def test_a_generators_failure_opens_the_circuit(system: System, items: int) -> None:
    """An error before the first item or after the third counts, once per call."""
    stream = system.circuit("stream", failure_threshold=3)(failing)

    for count in range(3):
        assert count == system.circuits["stream"].snapshot().failures
        with pytest.raises(OSError, match="torn"):
            list(stream(items))

    assert system.circuits["stream"].state == "open"
    with pytest.raises(CircuitOpenError):
        list(stream(items))


@pytest.mark.parametrize("items", [0, 3])
def test_an_async_generators_failure_opens_the_circuit(system: System, items: int) -> None:
    """An error before the first item or after the third counts, once per call."""
    stream = system.circuit("stream", failure_threshold=3)(failing_async)

    for count in range(3):
        assert count == system.circuits["stream"].snapshot().failures
        with pytest.raises(OSError, match="torn"):
            asyncio.run(drain(stream(items)))

    assert system.circuits["stream"].state == "open"
    with pytest.raises(CircuitOpenError):
        asyncio.run(drain(stream(items)))


def test_a_generator_that_is_not_begun_is_no_call(system: System) -> None:
    """Making a generator object and dropping it neither counts nor takes a place."""
    stream = system.circuit("stream")(failing)

    for _ in range(50):
        stream(3).close()

    assert system.circuits["stream"].snapshot().calls == 0


def test_send_throw_and_return_reach_a_wrapped_generator(system: System) -> None:
    """What goes in by `send` and `throw` and what comes out by `return` is kept."""
    log: list[str] = []
    guarded = system.circuit("echo")(echo)(log)

    assert next(guarded) == "ready"
    assert guarded.send("one") == "got one"
    assert guarded.throw(KeyError("two")) == "caught two"
    assert guarded.send("three") == "got three"
    with pytest.raises(StopIteration) as stopped:
        guarded.send("stop")

    assert stopped.value.value == "returned"
    assert log == ["cleaned up"]
    assert system.circuits["echo"].snapshot().failures == 0


def test_close_reaches_a_wrapped_generator_and_is_no_failure(system: System) -> None:
    """Leaving a generator early runs its `finally` at once and says nothing of the upstream."""
    log: list[str] = []
    guarded = system.circuit("echo", failure_threshold=1)(echo)(log)
    next(guarded)

    guarded.close()

    assert log == ["cleaned up"]
    assert system.circuits["echo"].state == "closed"


def test_an_error_of_the_cleanup_reaches_who_closes(system: System) -> None:
    """`close` is passed on, not left to the garbage collector, which would hide this error."""

    @system.circuit("stream")
    def stream() -> Generator[int, None, None]:
        try:
            yield 1
        finally:
            raise LookupError("in the cleanup")

    guarded = stream()
    next(guarded)

    with pytest.raises(LookupError, match="cleanup"):
        guarded.close()


def test_asend_and_athrow_reach_a_wrapped_async_generator(system: System) -> None:
    """What goes in by `asend` and `athrow` is kept, and the end is the end."""
    log: list[str] = []

    async def main() -> None:
        guarded = system.circuit("echo")(echo_async)(log)
        assert await anext(guarded) == "ready"
        assert await guarded.asend("one") == "got one"
        assert await guarded.athrow(KeyError("two")) == "caught two"
        assert await guarded.asend("three") == "got three"
        with pytest.raises(StopAsyncIteration):
            await guarded.asend("stop")

    asyncio.run(main())
    assert log == ["cleaned up"]
    assert system.circuits["echo"].snapshot().failures == 0


def test_aclose_reaches_a_wrapped_async_generator_and_is_no_failure(system: System) -> None:
    """Leaving an async generator early runs its `finally` before `aclose` returns."""
    log: list[str] = []

    async def main() -> None:
        guarded = system.circuit("echo", failure_threshold=1)(echo_async)(log)
        await anext(guarded)
        await guarded.aclose()
        assert log == ["cleaned up"]

    asyncio.run(main())
    assert system.circuits["echo"].snapshot().failures == 0
    assert system.circuits["echo"].state == "closed"


def test_a_readers_error_is_no_failure_of_the_generator(system: System) -> None:
    """What the block of a dependency raises is thrown into it, and is not its own failure."""
    resource = contextmanager(system.circuit("a", failure_threshold=1)(echo))
    async_resource = asynccontextmanager(system.circuit("b", failure_threshold=1)(echo_async))

    async def main() -> None:
        async with async_resource([]):
            raise OSError("the reader's")

    with pytest.raises(OSError, match="reader"), resource([]):
        raise OSError("the reader's")
    with pytest.raises(OSError, match="reader"):
        asyncio.run(main())

    for circuit in system.circuits:
        assert circuit.state == "closed"


@pytest.mark.parametrize("thrown", [OSError, OSError("the reader's")], ids=["class", "object"])
def test_an_error_thrown_in_is_no_failure_of_the_generator(
    system: System, thrown: OSError | type[OSError]
) -> None:
    """`throw` takes a class as well as an exception."""
    guarded = system.circuit("echo", failure_threshold=1)(echo)([])
    next(guarded)

    with pytest.raises(OSError):  # noqa: PT011 - the class has no text to match
        guarded.throw(thrown)

    assert system.circuits["echo"].state == "closed"


def test_wrapped_generators_keep_their_kind(system: System) -> None:
    """Frameworks tell generator functions by `inspect`, and the objects by their type."""
    plain, asynchronous = system.circuit("a")(failing), system.circuit("b")(failing_async)

    assert inspect.isgeneratorfunction(plain)
    assert inspect.isgenerator(plain(1))
    assert inspect.isasyncgenfunction(asynchronous)
    assert inspect.isasyncgen(asynchronous(1))
