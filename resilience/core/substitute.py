"""Answering a failed call with something else: once for each kind of function.

What decides (`Substitute`) knows nothing of sync and async; only this file does.
"""

from __future__ import annotations

import inspect
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
)
from itertools import chain
from types import CoroutineType
from typing import Any, NamedTuple, Protocol

from resilience.core.items import each, relayed
from resilience.core.resumed import Resumed
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
        ...

    def remember(self, args: Args, kwargs: Kwargs, answer: Any) -> None:
        """Keep a good answer."""

    def handles(self, error: Exception) -> bool:
        """Tell whether this failure is to be answered."""
        ...

    def attempts(self, error: Exception, args: Args, kwargs: Kwargs) -> Iterator[Attempt]:
        """Yield what to try, best first."""
        ...

    def used(self, attempt: Attempt, error: Exception) -> None:
        """Hear that this attempt answered for that failure."""


def replace_sync(layer: Substitute, call: Call) -> Call:
    """Return `call` with its failures answered.

    Where it returns coroutines, so do its answers once that is known: its callers await them.
    """
    remembers = layer.remembers()
    is_awaited = False

    def guarded(*args: Any, **kwargs: Any) -> Any:
        nonlocal is_awaited
        try:
            result = call(*args, **kwargs)
        except Exception as error:
            if not layer.handles(error):
                raise
            answer = _answer_async if is_awaited else _answer
            return answer(layer, error, args, kwargs)
        if type(result) is CoroutineType:
            is_awaited = True
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
            return (yield from _answer(layer, error, args, kwargs, _begun))
        return (yield from Resumed(items, first))

    return guarded


def _begun(answer: Iterable[Any]) -> Iterator[Any]:
    """Return the items of `answer`, begun, so that a source which cannot begin has failed."""
    items = iter(answer)
    try:
        first = next(items)
    except StopIteration as end:
        return _ended(end.value)
    return Resumed(items, first) if isinstance(items, Generator) else chain((first,), items)


def _ended(value: Any) -> Generator[Any, Any, Any]:
    return value
    yield


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
            self._items = await _answer_async(self._layer, error, *self._call, _begun_async)
        return await anext(self._items)

    async def athrow(self, *error: Any) -> Any:
        return await self._items.athrow(*error)

    async def aclose(self) -> None:
        await self._items.aclose()


async def _begun_async(answer: Any) -> AsyncGenerator[Any, Any]:
    """Return the items of `answer`, begun, as `_begun` does."""
    items = answer if isinstance(answer, AsyncGenerator) else each(answer)
    try:
        first = await anext(items)
    except StopAsyncIteration:
        return each(())
    return _ResumedAsync(items, first)


class _ResumedAsync(AsyncGenerator[Any, Any]):
    """An async generator whose first item was taken already, and is given again."""

    def __init__(self, items: AsyncGenerator[Any, Any], first: Any) -> None:
        self._items = items
        self._first: tuple[Any, ...] = (first,)

    async def asend(self, value: Any) -> Any:
        if self._first:
            (first,), self._first = self._first, ()
            return first
        return await self._items.asend(value)

    async def athrow(self, *error: Any) -> Any:
        return await self._items.athrow(*error)

    async def aclose(self) -> None:
        await self._items.aclose()


def _answer(
    layer: Substitute,
    error: Exception,
    args: Args,
    kwargs: Kwargs,
    begin: Callable[[Any], Any] = lambda answer: answer,
) -> Any:
    """Return the first answer there is; without one, raise the last source's error."""
    failure: Exception = error
    try:
        for attempt in layer.attempts(error, args, kwargs):
            try:
                result = attempt.get()
                _refuse_awaitable(attempt, result)
                result = begin(result)
            except DecorationError as misuse:
                raise misuse from error  # a mistake in the code, which no next source may hide
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


async def _answer_async(
    layer: Substitute,
    error: Exception,
    args: Args,
    kwargs: Kwargs,
    begin: Callable[[Any], Awaitable[Any]] | None = None,
) -> Any:
    """Return the first answer there is, awaited where it can be."""
    failure: Exception = error
    try:
        for attempt in layer.attempts(error, args, kwargs):
            try:
                result = attempt.get()
                if hasattr(result, "__await__"):
                    result = await result
                if begin is not None:
                    result = await begin(result)
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
