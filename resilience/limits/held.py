"""Running a call in a place of a bulkhead: once for each kind of function."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from functools import partial
from types import CoroutineType
from typing import Any, Protocol

from resilience.core.items import relayed

Call = Callable[..., Any]


class Places(Protocol):
    """What calls take a place of, and give it back to.

    Args:
        free: the free places; taken by `pop`, and put back by `append`.
        crowded: after a place was put back, `settle` has to be called.
    """

    free: list[None]
    crowded: bool

    def take(self) -> None:
        """Take a place, or raise `BulkheadFullError`."""

    async def take_async(self) -> None:
        """Take a place, or raise `BulkheadFullError`; other tasks run meanwhile."""

    def settle(self) -> None:
        """See who is to have the places that were put back."""

    def leave(self, error: BaseException | None = None) -> None:
        """Give the place back, after a call that ended so."""


def held_sync(places: Places, call: Call) -> Call:
    """Return `call` as it runs in a place."""

    def guarded(*args: Any, **kwargs: Any) -> Any:
        free = places.free  # to the end, also in a child that is forked meanwhile
        try:
            free.pop()
        except IndexError:
            is_full = True
        else:
            is_full = False
        if is_full:  # outside of the `except`: what it raises is not to carry that error
            places.take()
        try:
            result = call(*args, **kwargs) if kwargs else call(*args)
        except BaseException as error:
            places.leave(error)
            raise
        free.append(None)
        if places.crowded:
            places.settle()
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

    async def guarded(*args: Any, **kwargs: Any) -> Any:
        free = places.free  # to the end, also in a child that is forked meanwhile
        try:
            free.pop()
        except IndexError:
            is_full = True
        else:
            is_full = False
        if is_full:  # outside of the `except`: what it raises is not to carry that error
            await places.take_async()
        try:
            result = await (call(*args, **kwargs) if kwargs else call(*args))
        except BaseException as error:
            places.leave(error)
            raise
        free.append(None)
        if places.crowded:
            places.settle()
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
