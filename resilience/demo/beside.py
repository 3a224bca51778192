"""Running one thing with others beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

R = TypeVar("R")


async def run_beside(main: Coroutine[Any, Any, R], *helpers: Coroutine[Any, Any, None]) -> R:
    """Return what `main` returns; the helpers run until then.

    Raises:
        Exception: what `main` or a helper raised first; nothing of either runs on.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(helper) for helper in helpers]
            result = await group.create_task(main)
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as errors:
        raise _first(errors) from None
    return result


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
