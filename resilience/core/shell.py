"""Running a call inside a gate: once for each kind of function.

A gate decides and counts, and knows nothing of sync and async; only this file does. The four
`guard_*` are the hot path. They read the gate's `tick` once: it is the permit while the gate
stands open, and counting a success is taking its next number. Otherwise `admit` gives a permit
or raises.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from types import CoroutineType
from typing import Any, Protocol
from weakref import finalize

from resilience.core.coroutines import awaited
from resilience.core.items import relayed

Call = Callable[..., Any]
Permit = Iterator[object]


class Gate(Protocol):
    """What admits calls and hears of their ends.

    Args:
        tick: the permit of all calls while none needs a decision; else None.
        attention: monotonic seconds from which a success has to be told by `succeeded`.
        slow_after: seconds above which a success has to be told, too.
        monotonic: the gate's clock.
    """

    tick: Permit | None
    attention: float
    slow_after: float
    monotonic: Callable[[], float]

    def admit(self) -> Permit:
        """Return a permit, or raise `Rejected`."""
        ...

    def succeeded(self, permit: Permit, started: float, ended: float, result: Any) -> None:
        """Hear of a call that returned."""

    def failed(self, permit: Permit, started: float, error: BaseException) -> None:
        """Hear of a call that raised, or was stopped."""


Pick = Callable[[tuple[Any, ...], dict[str, Any]], Gate]


def guard_sync(gate: Gate, call: Call) -> Call:
    """Return `call` as it runs inside the gate."""
    clock, coroutine = gate.monotonic, CoroutineType

    def guarded(*args: Any, **kwargs: Any) -> Any:
        if (permit := gate.tick) is None:
            permit = gate.admit()
        started = clock()
        try:
            # Passing on keywords where there are none would cost the making of a dict.
            result = call(*args, **kwargs) if kwargs else call(*args)
        except BaseException as error:
            gate.failed(permit, started, error)
            raise
        # The healthy case first, and in the order that costs least.
        if (
            (ended := clock()) < gate.attention
            and ended - started <= gate.slow_after
            and type(result) is not coroutine
        ):
            next(permit)
            return result
        if type(result) is coroutine:
            return finishing(gate, permit, started, result)
        gate.succeeded(permit, started, ended, result)
        return result

    return guarded


def guard_async(gate: Gate, call: Call) -> Call:
    """Return the coroutine function `call` as it runs inside the gate."""
    clock = gate.monotonic

    async def guarded(*args: Any, **kwargs: Any) -> Any:
        if (permit := gate.tick) is None:
            permit = gate.admit()
        started = clock()
        try:
            result = await (call(*args, **kwargs) if kwargs else call(*args))
        except BaseException as error:
            gate.failed(permit, started, error)
            raise
        if (ended := clock()) < gate.attention and ended - started <= gate.slow_after:
            next(permit)
        else:
            gate.succeeded(permit, started, ended, result)
        return result

    return guarded


def finishing(
    gate: Gate, permit: Permit, started: float, result: Coroutine[Any, Any, Any]
) -> Coroutine[Any, Any, Any]:
    """Return what a plain function returned, as it runs inside the permit it was called with.

    A permit that others wait for comes back also if it is never awaited: nothing in it runs then.
    """
    pending = _finish(gate, permit, started, result)
    if permit is not gate.tick:
        finalize(pending, gate.failed, permit, started, GeneratorExit()).atexit = False
    return pending


async def _finish(
    gate: Gate, permit: Permit, started: float, result: Coroutine[Any, Any, Any]
) -> Any:
    """Await what a plain function returned, inside the permit it was called with."""
    try:
        answer = await result
    except BaseException as error:
        gate.failed(permit, started, error)
        raise
    gate.succeeded(permit, started, gate.monotonic(), answer)
    return answer


def keyed_sync(pick: Pick, call: Call) -> Call:
    """Return `call` as it runs inside the gate that its arguments pick."""

    def guarded(*args: Any, **kwargs: Any) -> Any:
        return guard_sync(pick(args, kwargs), call)(*args, **kwargs)

    return guarded


def keyed_async(pick: Pick, call: Call) -> Call:
    """Return the coroutine function `call` as it runs inside the gate its arguments pick."""

    async def guarded(*args: Any, **kwargs: Any) -> Any:
        return await guard_async(pick(args, kwargs), call)(*args, **kwargs)

    return guarded


def guard_generator(pick: Pick, call: Call) -> Call:
    """Return the generator function `call`; each of its runs is one call of a gate.

    It begins with the first `next`. An exception that its reader throws in, and that comes out
    again, is the reader's and no failure. Its duration is the time spent inside it.
    """

    def guarded(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        return (yield from _GatedItems(_Run(pick(args, kwargs)), call(*args, **kwargs)))

    return guarded


def guard_async_generator(pick: Pick, call: Call) -> Call:
    """Return the async generator function `call`, as `guard_generator` does for a plain one."""

    def start(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        return _GatedAsyncItems(_Run(pick(args, kwargs)), call(*args, **kwargs))

    return relayed(start)


class _Run:
    """One run of a generator through a gate, as a context around each of its steps."""

    __slots__ = ("_gate", "_inside", "_permit", "_since", "thrown")

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._permit = gate.tick or gate.admit()
        self._inside = self._since = 0.0
        self.thrown: BaseException | None = None  # by the reader, in this step

    def __enter__(self) -> None:
        self._since = self._gate.monotonic()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        now = self._gate.monotonic()
        self._inside += now - self._since
        thrown, self.thrown = self.thrown, None
        if isinstance(error, StopIteration | StopAsyncIteration):
            self._gate.succeeded(self._permit, now - self._inside, now, None)
        elif error is not None and error is thrown:
            self.abandoned()
        elif error is not None:
            self._gate.failed(self._permit, now - self._inside, error)

    def abandoned(self) -> None:
        """Give the permit back: the reader has had enough."""
        self._gate.failed(self._permit, self._gate.monotonic(), GeneratorExit())


def _as_object(error: Any, value: Any = None, traceback: Any = None) -> BaseException:
    """Return the one exception that the arguments of `throw` mean: a class, an object, or both."""
    thrown: BaseException
    if isinstance(value, BaseException):
        thrown = value
    elif isinstance(error, BaseException):
        thrown = error
    else:
        thrown = error() if value is None else error(value)
    return thrown if traceback is None else thrown.with_traceback(traceback)


class _GatedItems(Generator[Any, Any, Any]):
    """A generator whose steps are told to a gate."""

    def __init__(self, run: _Run, items: Generator[Any, Any, Any]) -> None:
        self._run = run
        self._items = items

    def send(self, value: Any) -> Any:
        with self._run:
            return self._items.send(value)

    def throw(self, error: Any, *rest: Any) -> Any:
        self._run.thrown = thrown = _as_object(error, *rest)
        with self._run:
            return self._items.throw(thrown)

    def close(self) -> None:
        self._run.abandoned()
        self._items.close()


class _GatedAsyncItems(AsyncGenerator[Any, Any]):
    """An async generator whose steps are told to a gate."""

    def __init__(self, run: _Run, items: AsyncGenerator[Any, Any]) -> None:
        self._run = run
        self._items = items

    async def asend(self, value: Any) -> Any:
        with self._run:
            return await self._items.asend(value)

    async def athrow(self, error: Any, *rest: Any) -> Any:
        self._run.thrown = thrown = _as_object(error, *rest)
        with self._run:
            return await self._items.athrow(thrown)

    async def aclose(self) -> None:
        self._run.abandoned()
        await self._items.aclose()


def call_sync(gate: Gate, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call once inside the gate."""
    return guard_sync(gate, call)(*args, **kwargs)


async def call_async(gate: Gate, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call once inside the gate, and await what it returns if that can be awaited."""
    return await guard_async(gate, awaited(call))(*args, **kwargs)
