"""What type checkers see of `@circuit`; checked, never run."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from datetime import timedelta
from typing import Any, assert_type

from resilience import (
    Circuit,
    CircuitFamily,
    CircuitSnapshot,
    CircuitState,
    Event,
    System,
    circuit,
    circuit_of,
    explain,
    guarded,
    system,
)


@circuit
def bare(user: str, *, limit: int = 3) -> list[str]:
    """Answer a list."""
    return [user] * limit


def tenant(user: str, **_: object) -> str:
    """Tell whose call it is."""
    return user


@circuit("named", reset_timeout=10, on=(OSError, ValueError), key=tenant)
def named(user: str, *, limit: int = 3) -> list[str]:
    """Answer a list."""
    return [user] * limit


@circuit()
async def coroutine(user: str) -> int:
    """Answer a number."""
    return len(user)


@circuit(reset_timeout=timedelta(seconds=10), ignore=KeyError, on_result=lambda result: not result)
def generator(count: int) -> Generator[int, str, bytes]:
    """Give numbers, take texts, return bytes."""
    yield count
    return b""


@circuit
def iterator(count: int) -> Iterator[int]:
    """Give numbers."""
    yield count


@circuit("async generator")
async def async_generator(count: int) -> AsyncIterator[int]:
    """Give numbers."""
    yield count


@system.circuit("of a system", window_calls=100, slow_call_duration=0.5)
def of_a_system(user: str) -> bytes:
    """Answer bytes."""
    return user.encode()


@System().circuit
def bare_of_a_system(user: str) -> bytes:
    """Answer bytes."""
    return user.encode()


def functions() -> None:
    """A guarded function has the type it had."""
    assert_type(bare("a", limit=2), list[str])
    assert_type(named("a"), list[str])
    assert_type(of_a_system("a"), bytes)
    assert_type(bare_of_a_system("a"), bytes)
    assert_type(generator(1), Generator[int, str, bytes])
    assert_type(iterator(1), Iterator[int])
    assert_type(async_generator(1), AsyncIterator[int])
    plain: Callable[[str], list[str]] = bare
    asynchronous: Callable[[str], Coroutine[Any, Any, int]] = coroutine
    awaitable: Callable[[str], Awaitable[int]] = coroutine
    print(plain, asynchronous, awaitable)


async def coroutines() -> None:
    """A guarded coroutine function gives a coroutine."""
    assert_type(await coroutine("a"), int)
    async for number in async_generator(1):
        assert_type(number, int)


def mistakes() -> None:
    """Wrong arguments are still found, to the guarded function and to the decorator."""
    bare(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bare("a", 3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    bare("a", most=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    bare("a").upper()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


async def circuits(upstream: Circuit) -> None:
    """A circuit by itself gives what the function gives."""
    assert_type(upstream.call(len, "abc"), int)
    assert_type(upstream.call(bare, "abc", limit=2), list[str])
    assert_type(await upstream.call_async(coroutine, "abc"), int)
    with upstream as entered:
        assert_type(entered, Circuit)
    async with upstream:
        pass
    upstream.call(len, 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def reading(upstream: Circuit, heard: list[Event]) -> None:
    """What is read has types."""
    assert_type(upstream.state, CircuitState)
    assert_type(upstream.snapshot(), CircuitSnapshot)
    assert_type(upstream.snapshot().calls, int)
    assert_type(upstream.snapshot().failure_rate, float | None)
    assert_type(system.circuits.get("upstream", reset_timeout=3.0), Circuit)
    assert_type(system.circuits["upstream"], Circuit)
    assert_type([each.name for each in system.circuits], list[str])
    assert_type("upstream" in system.circuits, bool)
    assert_type(guarded(bare), bool)
    assert_type(explain(bare), str)
    unsubscribe = system.on_event(heard.append)
    unsubscribe()
    upstream.force_open("why", actor="who", for_=3.0)
    upstream.release()
    circuit_of(bare).force_open("why", actor="who", for_=3.0)
    assert_type(circuit_of(bare).snapshot(), CircuitSnapshot | Any)
    assert_type(circuit_of(bare).call(bare, "me"), list[str] | Any)
    family = circuit_of(named)
    if isinstance(family, CircuitFamily):
        assert_type(family.of("me"), Circuit)
