"""Running a call within its time: once for each kind of function."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from functools import partial
from types import CoroutineType
from typing import Any

from resilience.core import deadline
from resilience.core.items import relayed
from resilience.core.nesting import context_for_thread
from resilience.errors import DeadlineExceededError
from resilience.limits.allowance import Allowance, TimeLimit
from resilience.limits.expiry import Expiry
from resilience.limits.stepping import TimedItems
from resilience.limits.workers import Workers

Call = Callable[..., Any]
AsyncItems = AsyncGenerator[Any, Any]


def timed_sync(limit: TimeLimit, workers: Workers, call: Call) -> Call:
    """Return `call` as it runs on one of the workers, in its caller's context."""

    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not limit.active:
            return call(*args, **kwargs)
        allowance, entry = limit.begin(limit.seconds)
        try:
            context = context_for_thread()
        finally:
            deadline.end(entry)
        try:
            result = workers.run(partial(context.run, call, *args, **kwargs), allowance)
        finally:
            allowance.finish()
        if type(result) is CoroutineType:
            return _finish(limit, allowance, result)
        if allowance.left() <= 0.0:
            raise allowance.exceeded()
        return result

    return guarded


def _finish(limit: TimeLimit, allowance: Allowance, result: Coroutine[Any, Any, Any]) -> Any:
    """Return the coroutine that a plain function returned, with the time that is left."""
    left = limit.seconds - allowance.used()
    if allowance.left() <= 0.0:
        result.close()
        raise allowance.exceeded()

    async def awaited() -> Any:
        with Expiry(limit, left):
            return await result

    return awaited()


def timed_async(limit: TimeLimit, call: Call) -> Call:
    """Return the coroutine function `call` as it runs until it is cancelled."""

    async def guarded(*args: Any, **kwargs: Any) -> Any:
        if not limit.active:
            return await call(*args, **kwargs)
        with Expiry(limit, limit.seconds):
            return await call(*args, **kwargs)

    return guarded


def timed_generator(limit: TimeLimit, workers: Workers, call: Call) -> Call:
    """Return the generator function `call`; the time spent in the steps of a run is limited."""

    def guarded(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        start = partial(call, *args, **kwargs)
        if not limit.active:
            return (yield from start())
        return (yield from TimedItems(start, limit, workers))

    return guarded


def timed_async_generator(limit: TimeLimit, call: Call) -> Call:
    """Return the async generator function `call`, as `timed_generator` does a plain one."""

    def start(*args: Any, **kwargs: Any) -> AsyncItems:
        items: AsyncItems = call(*args, **kwargs)
        return _TimedAsyncItems(limit, items) if limit.active else items

    return relayed(start)


class _TimedAsyncItems(AsyncGenerator[Any, Any]):
    """An async generator whose steps draw on the time of its run."""

    def __init__(self, limit: TimeLimit, items: AsyncItems) -> None:
        self._limit = limit
        self._items = items
        self._left = limit.seconds

    async def asend(self, value: Any) -> Any:
        return await self._step(partial(self._items.asend, value))

    async def athrow(self, error: Any, *rest: Any) -> Any:
        return await self._step(partial(self._items.athrow, error, *rest))

    async def aclose(self) -> None:
        if self._left > 0.0:
            await self._step(self._items.aclose)

    async def _step(self, act: Callable[[], Any]) -> Any:
        step = Expiry(self._limit, self._left)
        try:
            with step:
                item = await act()
        except DeadlineExceededError:
            self._left = 0.0
            await self._items.aclose()  # where the item came, but came late, it stands still
            raise
        self._left -= step.used()
        return item
