"""Functions of each kind that fail a few times, and `@retry` of a system, for its tests."""

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from resilience import System

Call = Callable[..., Any]


def retry(system: System, **options: Any) -> Callable[[Any], Any]:
    """Return the system's decorator; without jitter, so that waits are known."""
    return system.retry(**{"jitter": None, **options})


class Flaky:
    """Something to call: raises or answers what it is told, in turn; the last for ever."""

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = list(outcomes)
        self.calls: list[tuple[Any, ...]] = []

    def ask(self, *args: Any) -> Any:
        """Raise or answer what is next."""
        self.calls.append(args)
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


def as_plain(call: Call) -> Call:
    """Make a plain function of it."""

    @functools.wraps(call)
    def plain(*args: Any) -> Any:
        return call(*args)

    return plain


def as_coroutine(call: Call) -> Call:
    """Make a coroutine function of it."""

    @functools.wraps(call)
    async def coroutine(*args: Any) -> Any:
        return call(*args)

    return coroutine


def as_maker(call: Call) -> Call:
    """Make a plain function of it that returns a coroutine."""

    @functools.wraps(call)
    def maker(*args: Any) -> Any:
        return as_coroutine(call)(*args)

    return maker


def as_generator(call: Call) -> Call:
    """Make a generator function of it, with its answer as the only item."""

    @functools.wraps(call)
    def generator(*args: Any) -> Iterator[Any]:
        yield call(*args)

    return generator


def as_async_generator(call: Call) -> Call:
    """Make an async generator function of it, with its answer as the only item."""

    @functools.wraps(call)
    async def generator(*args: Any) -> AsyncIterator[Any]:
        yield call(*args)

    return generator


FUNCTIONS = [as_plain, as_coroutine, as_maker]
KINDS = [*FUNCTIONS, as_generator, as_async_generator]


def run(call: Call, *args: Any) -> Any:
    """Call, await where that is due, and take the one item of a generator."""
    result = call(*args)
    if inspect.iscoroutine(result):
        return asyncio.run(result)
    if hasattr(result, "__anext__"):
        return asyncio.run(_only(result))
    return next(result) if hasattr(result, "__next__") else result


async def _only(items: Any) -> Any:
    (item,) = [item async for item in items]
    return item
