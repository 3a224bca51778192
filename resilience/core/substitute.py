"""Answering a failed call with something else: once for each kind of function.

What decides (`Substitute`) knows nothing of sync and async; only this file does.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine, Generator, Iterator
from types import CoroutineType
from typing import Any, NamedTuple, Protocol

from resilience.core.items import relayed
from resilience.errors import DecorationError

Call = Callable[..., Any]
Args = tuple[Any, ...]
Kwargs = dict[str, Any]


class Attempt(NamedTuple):
    """One thing to answer with: what it is called, and how to get it."""

    name: str
    get: Callable[[], Any]


class Substitute(Protocol):
    """What decides which failures are answered, and with what."""

    def remembers(self) -> bool:
        """Tell whether good answers are to be kept."""

    def remember(self, args: Args, kwargs: Kwargs, answer: Any) -> None:
        """Keep a good answer."""

    def handles(self, error: Exception) -> bool:
        """Tell whether this failure is to be answered."""

    def attempts(self, error: Exception, args: Args, kwargs: Kwargs) -> Iterator[Attempt]:
        """Yield what to try, best first."""

    def used(self, attempt: Attempt, error: Exception) -> None:
        """Hear that this attempt answered for that failure."""


def replace_sync(layer: Substitute, call: Call) -> Call:
    """Return `call` with its failures answered."""
    remembers = layer.remembers()

    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            result = call(*args, **kwargs)
        except Exception as error:
            if not layer.handles(error):
                raise
            return _answer(layer, error, args, kwargs)
        if type(result) is CoroutineType:
            return _finish(layer, result, args, kwargs)
        if remembers:
            layer.remember(args, kwargs, result)
        return result

    return guarded


def replace_async(layer: Substitute, call: Call) -> Call:
    """Return the coroutine function `call` with its failures answered."""
    remembers = layer.remembers()

    async def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            result = await call(*args, **kwargs)
        except Exception as error:
            if not layer.handles(error):
                raise
            return await _answer_async(layer, error, args, kwargs)
        if remembers:
            layer.remember(args, kwargs, result)
        return result

    return guarded


async def _finish(
    layer: Substitute, result: Coroutine[Any, Any, Any], args: Args, kwargs: Kwargs
) -> Any:
    """Await what a plain function returned, with its failures answered."""

    async def call(*_: Any, **__: Any) -> Any:
        return await result

    return await replace_async(layer, call)(*args, **kwargs)


def replace_generator(layer: Substitute, call: Call) -> Call:
    """Return the generator function `call`; a failure before its first item is answered."""

    def guarded(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        items = call(*args, **kwargs)
        try:
            first = next(items)
        except StopIteration as end:
            return end.value
        except Exception as error:
            if not layer.handles(error):
                raise
            yield from _answer(layer, error, args, kwargs)
            return None
        return (yield from _Resumed(items, first))

    return guarded


class _Resumed(Generator[Any, Any, Any]):
    """A generator whose first item was taken already, and is given again."""

    def __init__(self, items: Generator[Any, Any, Any], first: Any) -> None:
        self._items = items
        self._first: tuple[Any, ...] = (first,)

    def send(self, value: Any) -> Any:
        if self._first:
            (first,), self._first = self._first, ()
            return first
        return self._items.send(value)

    def throw(self, *error: Any) -> Any:
        return self._items.throw(*error)

    def close(self) -> None:
        self._items.close()


def replace_async_generator(layer: Substitute, call: Call) -> Call:
    """Return the async generator function `call`, as `replace_generator` does a plain one."""

    def start(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        return _ReplacedItems(layer, call, args, kwargs)

    return relayed(start)


class _ReplacedItems(AsyncGenerator[Any, Any]):
    """The items of a call, or what answers for it when it fails before the first one."""

    def __init__(self, layer: Substitute, call: Call, args: Args, kwargs: Kwargs) -> None:
        self._layer = layer
        self._call = args, kwargs
        self._items: AsyncGenerator[Any, Any] = call(*args, **kwargs)
        self._begun = False

    async def asend(self, value: Any) -> Any:
        begun, self._begun = self._begun, True
        try:
            return await self._items.asend(value)
        except Exception as error:
            if begun or isinstance(error, StopAsyncIteration) or not self._layer.handles(error):
                raise
            self._items = _each(await _answer_async(self._layer, error, *self._call))
        return await anext(self._items)

    async def athrow(self, *error: Any) -> Any:
        return await self._items.athrow(*error)

    async def aclose(self) -> None:
        await self._items.aclose()


async def _each(answer: Any) -> AsyncGenerator[Any, Any]:
    """Give the items of a plain or an async iterable."""
    if isinstance(answer, AsyncIterable):
        async for item in answer:
            yield item
    else:
        for item in answer:
            yield item


def _answer(layer: Substitute, error: Exception, args: Args, kwargs: Kwargs) -> Any:
    """Return the first answer there is; without one, raise the last source's error."""
    failure: Exception = error
    try:
        for attempt in layer.attempts(error, args, kwargs):
            try:
                result = attempt.get()
                _refuse_awaitable(attempt, result)
            except Exception as latest:
                failure = latest
                continue
            layer.used(attempt, error)
            return result
        if failure is error:
            raise error
        raise failure from error
    finally:
        del failure  # else the frame and the exception keep each other alive


async def _answer_async(layer: Substitute, error: Exception, args: Args, kwargs: Kwargs) -> Any:
    """Return the first answer there is, awaited where it can be."""
    failure: Exception = error
    try:
        for attempt in layer.attempts(error, args, kwargs):
            try:
                result = attempt.get()
                if hasattr(result, "__await__"):
                    result = await result
            except Exception as latest:
                failure = latest
                continue
            layer.used(attempt, error)
            return result
        if failure is error:
            raise error
        raise failure from error
    finally:
        del failure


def _refuse_awaitable(attempt: Attempt, result: Any) -> None:
    if inspect.iscoroutine(result):
        result.close()
        raise DecorationError(
            f"fallback source {attempt.name} returned a coroutine for a sync function: "
            f"make it a plain function"
        )
