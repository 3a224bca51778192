"""Coroutine functions made of what is called; none of them is told apart from `async def`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import Any

Call = Callable[..., Any]


def awaiting(call: Call, pending: Coroutine[Any, Any, Any]) -> Call:
    """Return a coroutine function whose first call awaits what `call` has returned already."""
    returned = [pending]

    async def attempt(*args: Any, **kwargs: Any) -> Any:
        result = returned.pop() if returned else call(*args, **kwargs)
        return await result if type(result) is CoroutineType else result

    return attempt


def awaited(call: Call) -> Call:
    """Return a coroutine function that awaits what `call` returns, if that can be awaited."""

    async def attempt(*args: Any, **kwargs: Any) -> Any:
        result = call(*args, **kwargs)
        return await result if hasattr(result, "__await__") else result

    return attempt
