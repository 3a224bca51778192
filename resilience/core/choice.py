"""Making a call, or something else in its place: once for each kind of function.

What decides (`Choice`) knows nothing of sync and async; only this file does. Generators are not
timed: the time between two items is their consumer's.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from resilience.core.items import each, relayed
from resilience.core.stopwatch import Stopwatch

Call = Callable[..., Any]
Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_UNTIMED = nullcontext()


class Switch(Protocol):
    """What can be on for every call at once."""

    @property
    def on(self) -> bool:
        """True while no call needs a decision, or is to be timed."""
        ...

    @property
    def stopwatch(self) -> Stopwatch | None:
        """What times the calls that are made; None: nobody wants to know."""
        ...


class Choice(Protocol):
    """What decides whether a call is made, and what comes in its place."""

    def admits(self, args: Args, kwargs: Kwargs) -> bool:
        """Tell whether the call is made, where the switch is not simply on."""
        ...

    def instead(self, args: Args, kwargs: Kwargs) -> Any:
        """Return what comes in its place, or raise `Rejected`."""
        ...


def choose_sync(switch: Switch, choice: Choice, call: Call) -> Call:
    """Return `call` as it is made while the choice is for it."""

    def guarded(*args: Any, **kwargs: Any) -> Any:
        if switch.on:
            # Passing on keywords where there are none would cost the making of a dict.
            return call(*args, **kwargs) if kwargs else call(*args)
        if choice.admits(args, kwargs):
            with timing(switch):
                return call(*args, **kwargs)
        return choice.instead(args, kwargs)

    return guarded


def choose_async(switch: Switch, choice: Choice, call: Call) -> Call:
    """Return the coroutine function `call`; what comes in its place is awaited if it can be."""

    async def guarded(*args: Any, **kwargs: Any) -> Any:
        if switch.on:
            return await (call(*args, **kwargs) if kwargs else call(*args))
        if choice.admits(args, kwargs):
            with timing(switch):
                return await call(*args, **kwargs)
        answer = choice.instead(args, kwargs)
        return await answer if hasattr(answer, "__await__") else answer

    return guarded


def timing(switch: Switch) -> AbstractContextManager[None]:
    """Return what times a block, if anybody wants to know."""
    stopwatch = switch.stopwatch
    return _UNTIMED if stopwatch is None else stopwatch.timed()


def choose_generator(switch: Switch, choice: Choice, call: Call) -> Call:
    """Return the generator function `call`; it is decided upon with the first item."""

    def guarded(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        if switch.on or choice.admits(args, kwargs):
            return (yield from call(*args, **kwargs))
        return (yield from choice.instead(args, kwargs))

    return guarded


def choose_async_generator(switch: Switch, choice: Choice, call: Call) -> Call:
    """Return the async generator function `call`, as `choose_generator` does a plain one."""

    def start(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        if switch.on or choice.admits(args, kwargs):
            items: AsyncGenerator[Any, Any] = call(*args, **kwargs)
            return items
        answer = choice.instead(args, kwargs)
        return answer if isinstance(answer, AsyncGenerator) else each(answer)

    return relayed(start)
