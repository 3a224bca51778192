"""Async generators that run through another: Python has `yield from` only for plain ones."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable
from functools import partial
from typing import Any

Items = AsyncGenerator[Any, Any]


def relayed(start: Callable[..., Items]) -> Callable[..., Items]:
    """Return an async generator function that runs what `start(*args, **kwargs)` returns.

    What its reader sends, throws in and closes arrives there.
    """

    async def guarded(*args: Any, **kwargs: Any) -> Items:
        items = start(*args, **kwargs)
        step: Callable[[], Any] = items.__anext__
        while True:
            try:
                item = await step()
            except StopAsyncIteration:
                return
            try:
                sent = yield item
            except GeneratorExit:
                await items.aclose()
                raise
            except BaseException as error:
                step = partial(items.athrow, error)
            else:
                step = partial(items.asend, sent)

    return guarded


async def each(answer: Any) -> Items:
    """Give the items of a plain or an async iterable."""
    if isinstance(answer, AsyncIterable):
        async for item in answer:
            yield item
    else:
        for item in answer:
            yield item
