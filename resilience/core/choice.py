"""Making a call, or something else in its place: once for each kind of function.

What decides (`Choice`) knows nothing of sync and async; only this file does.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, Protocol

from resilience.core.items import each, relayed

Call = Callable[..., Any]
Args = tuple[Any, ...]
Kwargs = dict[str, Any]


class Switch(Protocol):
    """What can be on for every call at once."""

    @property
    def on(self) -> bool:
        """True while no call needs a decision."""
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
        if switch.on or choice.admits(args, kwargs):
            # Passing on keywords where there are none would cost the making of a dict.
            return call(*args, **kwargs) if kwargs else call(*args)
        return choice.instead(args, kwargs)

    return guarded


def choose_async(switch: Switch, choice: Choice, call: Call) -> Call:
    """Return the coroutine function `call`; what comes in its place is awaited if it can be."""

    async def guarded(*args: Any, **kwargs: Any) -> Any:
        if switch.on or choice.admits(args, kwargs):
            return await (call(*args, **kwargs) if kwargs else call(*args))
        answer = choice.instead(args, kwargs)
        return await answer if hasattr(answer, "__await__") else answer

    return guarded


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
