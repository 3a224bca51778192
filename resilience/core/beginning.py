"""Generators whose beginning is guarded: up to the first item, which can be got again.

From the first item on its reader has seen something, and a failure is the reader's to handle.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any

from resilience.core.items import relayed
from resilience.core.resumed import Resumed

Call = Callable[..., Any]
Wrap = Callable[[Call], Call]


def beginning(wrap: Wrap, call: Call) -> Call:
    """Return the generator function `call`, begun by `wrap(a plain function that begins it)`."""

    def start(*args: Any, **kwargs: Any) -> tuple[Generator[Any, Any, Any] | None, Any]:
        items = call(*args, **kwargs)
        try:
            return items, next(items)
        except StopIteration as end:
            return None, end.value

    begin = wrap(start)

    def guarded(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        items, first = begin(*args, **kwargs)
        if items is None:
            return first
        return (yield from Resumed(items, first))

    return guarded


def beginning_async(wrap: Wrap, call: Call) -> Call:
    """Return the async generator function `call`, begun by `wrap(a coroutine function)`."""

    async def start(*args: Any, **kwargs: Any) -> tuple[AsyncGenerator[Any, Any], tuple[Any, ...]]:
        items = call(*args, **kwargs)
        try:
            return items, (await anext(items),)
        except StopAsyncIteration:
            return items, ()

    begin = wrap(start)

    def begun(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        return _BegunItems(begin(*args, **kwargs))

    return relayed(begun)


class _BegunItems(AsyncGenerator[Any, Any]):
    """The items of what was begun, or none where it ended at once."""

    def __init__(
        self, begin: Coroutine[Any, Any, tuple[AsyncGenerator[Any, Any], tuple[Any, ...]]]
    ) -> None:
        self._begin = begin
        self._items: AsyncGenerator[Any, Any] | None = None

    async def asend(self, value: Any) -> Any:
        if self._items is not None:
            return await self._items.asend(value)
        self._items, first = await self._begin
        if not first:
            raise StopAsyncIteration
        return first[0]

    async def athrow(self, *error: Any) -> Any:
        assert self._items is not None  # its reader is `relayed`, which takes an item first
        return await self._items.athrow(*error)

    async def aclose(self) -> None:
        if self._items is not None:
            await self._items.aclose()
