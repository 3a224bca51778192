"""Generators whose beginning is guarded: up to the first item, which can be got again.

From the first item on its reader has seen something, and a failure is the reader's to handle.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any, NamedTuple

from resilience.core.items import each, relayed
from resilience.core.resumed import Resumed

Call = Callable[..., Any]
Wrap = Callable[[Call], Call]


def beginning(wrap: Wrap, call: Call) -> Call:
    """Return the generator function `call`, begun by `wrap(a plain function that begins it)`."""

    def start(*args: Any, **kwargs: Any) -> _Begun:
        items = call(*args, **kwargs)
        try:
            return _Begun(items, next(items))
        except StopIteration as end:
            return _Begun(None, end.value)

    begin = wrap(start)

    def guarded(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        begun = begin(*args, **kwargs)
        if type(begun) is not _Begun:
            return (yield from begun)  # something else answers for it, with items of its own
        if begun.items is None:
            return begun.first
        return (yield from Resumed(begun.items, begun.first))

    return guarded


def beginning_async(wrap: Wrap, call: Call) -> Call:
    """Return the async generator function `call`, begun by `wrap(a coroutine function)`."""

    async def start(*args: Any, **kwargs: Any) -> _Begun:
        items = call(*args, **kwargs)
        try:
            return _Begun(items, (await anext(items),))
        except StopAsyncIteration:
            return _Begun(items, ())

    begin = wrap(start)

    def begun(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        return _BegunItems(begin(*args, **kwargs))

    return relayed(begun)


class _Begun(NamedTuple):
    """Items, and the first of them; or how they ended at once."""

    items: Any
    first: Any


class _BegunItems(AsyncGenerator[Any, Any]):
    """The items of what was begun, or none where it ended at once."""

    def __init__(self, begin: Coroutine[Any, Any, Any]) -> None:
        self._begin = begin
        self._items: AsyncGenerator[Any, Any] | None = None

    async def asend(self, value: Any) -> Any:
        if self._items is not None:
            return await self._items.asend(value)
        begun = await self._begin
        if type(begun) is not _Begun:
            # Something else answers for it, with items of its own.
            self._items = begun if isinstance(begun, AsyncGenerator) else each(begun)
            return await anext(self._items)
        self._items = begun.items
        if not begun.first:
            raise StopAsyncIteration
        return begun.first[0]

    async def athrow(self, *error: Any) -> Any:
        assert self._items is not None  # its reader is `relayed`, which takes an item first
        return await self._items.athrow(*error)

    async def aclose(self) -> None:
        if self._items is not None:
            await self._items.aclose()
