"""Running a call in a place of a bulkhead: once for each kind of function."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from functools import partial
from types import CoroutineType
from typing import Any, Protocol

from resilience.core.items import relayed

Call = Callable[..., Any]


class Places(Protocol):
    """What calls take a place of, and give it back to."""

    def take(self) -> None:
        """Take a place, or raise `BulkheadFullError`."""

    def try_take(self) -> object:
        """Take a place if there is one; true, if there was."""
        ...

    async def take_async(self) -> None:
        """Take a place, or raise `BulkheadFullError`; other tasks run meanwhile."""

    def give_back(self) -> None:
        """Give the place back, now."""

    def leave(self, error: BaseException | None = None) -> None:
        """Give the place back, after a call that ended so."""


def held_sync(places: Places, call: Call) -> Call:
    """Return `call` as it runs in a place."""
    take, give_back = places.take, places.give_back

    def guarded(*args: Any, **kwargs: Any) -> Any:
        take()
        try:
            result = call(*args, **kwargs)
        except BaseException as error:
            places.leave(error)
            raise
        give_back()
        if type(result) is CoroutineType:
            return _finish(places, result)
        return result

    return guarded


async def _finish(places: Places, result: Coroutine[Any, Any, Any]) -> Any:
    """Await what a plain function returned, in a place taken when that begins.

    One kept since the call would never come back if the coroutine is never awaited.
    """
    try:
        await places.take_async()
    except BaseException:
        result.close()
        raise
    try:
        answer = await result
    except BaseException as error:
        places.leave(error)
        raise
    places.leave()
    return answer


def held_async(places: Places, call: Call) -> Call:
    """Return the coroutine function `call` as it runs in a place."""
    try_take, give_back = places.try_take, places.give_back

    async def guarded(*args: Any, **kwargs: Any) -> Any:
        if not try_take():
            await places.take_async()
        try:
            result = await call(*args, **kwargs)
        except BaseException as error:
            places.leave(error)
            raise
        give_back()
        return result

    return guarded


def held_generator(places: Places, call: Call) -> Call:
    """Return the generator function `call`, in a place from the first `next` to the end."""

    def guarded(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        places.take()
        try:
            result = yield from call(*args, **kwargs)
        except BaseException as error:
            places.leave(error)
            raise
        places.leave()
        return result

    return guarded


def held_async_generator(places: Places, call: Call) -> Call:
    """Return the async generator function `call`, as `held_generator` does a plain one."""

    def start(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        return _HeldItems(places, call(*args, **kwargs))

    return relayed(start)


class _HeldItems(AsyncGenerator[Any, Any]):
    """An async generator in a place, from its first step to its end."""

    def __init__(self, places: Places, items: AsyncGenerator[Any, Any]) -> None:
        self._places = places
        self._items = items
        self._held = False

    async def asend(self, value: Any) -> Any:
        if not self._held:
            await self._places.take_async()
            self._held = True
        return await self._step(partial(self._items.asend, value))

    async def athrow(self, error: Any, *rest: Any) -> Any:
        return await self._step(partial(self._items.athrow, error, *rest))

    async def aclose(self) -> None:
        try:
            await self._items.aclose()
        finally:
            self._leave(None)

    async def _step(self, act: Callable[[], Any]) -> Any:
        try:
            return await act()
        except BaseException as error:  # its end, too
            self._leave(error)
            raise

    def _leave(self, error: BaseException | None) -> None:
        if self._held:
            self._held = False
            self._places.leave(error)
