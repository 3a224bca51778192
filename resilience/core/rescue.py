"""Doing something about a failed call: once for each kind of function.

What decides (`Rescuer`) yields steps and is told what came of each; it knows nothing of sync and
async. Only this file does. While all is well there is nothing but an `except` around the call.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, Protocol

from resilience.clock import trio_here
from resilience.core.beginning import beginning, beginning_async
from resilience.core.coroutines import awaited, awaiting
from resilience.core.deadline import remaining
from resilience.core.kinds import Kind

if TYPE_CHECKING:
    from concurrent.futures import Future

Call = Callable[..., Any]


class Step(Protocol):
    """Something to be done, or waited for."""

    def run(self) -> Any:
        """Do it in this thread."""

    async def run_async(self) -> Any:
        """Do it on the running loop."""


Course = Generator[Step, Any, Any]
"""The steps after one failure. It ends with the call's answer, or `GIVEN_UP`."""


class Condition:
    """Whether calls that return are worth telling.

    Args:
        ill: True to hear of them, by `Rescuer.returned`.
    """

    __slots__ = ("ill",)

    def __init__(self) -> None:
        self.ill = False


class _GivenUp:
    def __repr__(self) -> str:
        return "GIVEN_UP"


WELL: Final = Condition()
"""The condition of what is never told of calls that return."""

GIVEN_UP: Final = _GivenUp()
"""What a course returns when nothing helped: the call's own error goes on."""


class Rescuer(Protocol):
    """What decides what is done about a function's failures.

    Args:
        condition: the same for ever.
    """

    @property
    def condition(self) -> Condition:
        """Of what the function calls."""
        ...

    def handles(self, error: Exception) -> bool:
        """Tell whether anything is to be done about this failure."""
        ...

    def course(self, error: Exception, again: partial[Any]) -> Course:
        """Return what is to be done; `again()` makes the call once more, and has its arguments."""
        ...

    def returned(self) -> None:
        """Hear that a call returned."""


class Do:
    """A step: call a function, and await what it returns where that can be.

    Args:
        act: the function; without arguments.
        settle: returns what an awaitable gives, in a thread that may wait; None: it is returned.
    """

    __slots__ = ("_act", "_settle")

    def __init__(self, act: Call, settle: Call | None = None) -> None:
        self._act = act
        self._settle = settle

    def run(self) -> Any:
        """Call it."""
        answer = self._act()
        if self._settle is not None and hasattr(answer, "__await__"):
            return self._settle(answer)
        return answer

    async def run_async(self) -> Any:
        """Call it, and await what it returns where that can be."""
        answer = self._act()
        return await answer if hasattr(answer, "__await__") else answer


class Wait:
    """A step: wait for what somebody else does; None when the time is up.

    Args:
        future: what will have its result; made by `promise`.
        seconds: how long at most, >= 0; never longer than the present work's deadline.
    """

    __slots__ = ("_future", "_seconds")

    def __init__(self, future: Future[Any], seconds: float) -> None:
        self._future = future
        left = remaining()
        self._seconds = seconds if left is None else min(seconds, left)

    def run(self) -> Any:
        """Hold this thread until then."""
        try:
            return self._future.result(self._seconds)
        except TimeoutError:
            return None

    async def run_async(self) -> Any:
        """Let other tasks run until then."""
        if (trio := trio_here()) is not None:
            return await trio.to_thread.run_sync(self.run, abandon_on_cancel=True)
        import asyncio  # who calls this has it loaded

        awaited = asyncio.wrap_future(self._future)
        try:
            done, _ = await asyncio.wait({awaited}, timeout=self._seconds)
            return awaited.result() if done else None
        finally:
            awaited.cancel()  # its loop may be closed when the result comes


def promise() -> Future[Any]:
    """Return a future that nobody who waits for it can cancel."""
    from concurrent.futures import Future  # only failures need it

    made: Future[Any] = Future()
    made.set_running_or_notify_cancel()
    return made


def follow(course: Course) -> Any:
    """Return the end of a course, each step done in this thread."""
    told, failure = None, None
    try:
        while True:
            try:
                step = _next(course, told, failure)
            except StopIteration as end:
                return end.value
            try:
                told, failure = step.run(), None
            except Exception as error:
                failure = error
    finally:
        failure = None  # else this frame and the error keep each other alive
        course.close()


async def follow_async(course: Course) -> Any:
    """Return the end of a course, each step done on the running loop."""
    told, failure = None, None
    try:
        while True:
            try:
                step = _next(course, told, failure)
            except StopIteration as end:
                return end.value
            try:
                told, failure = await step.run_async(), None
            except Exception as error:
                failure = error
    finally:
        failure = None
        course.close()


def _next(course: Course, told: Any, failure: Exception | None) -> Step:
    return course.send(told) if failure is None else course.throw(failure)


def rescue_sync(rescuer: Rescuer, call: Call) -> Call:
    """Return `call` with something done about its failures."""
    coroutine, condition = CoroutineType, rescuer.condition

    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            # Passing on keywords where there are none would cost the making of a dict.
            result = call(*args, **kwargs) if kwargs else call(*args)
        except Exception as error:
            if not rescuer.handles(error):
                raise
            answer = follow(rescuer.course(error, partial(call, *args, **kwargs)))
            if answer is GIVEN_UP:
                raise
            return answer
        if type(result) is coroutine:
            return rescue_async(rescuer, awaiting(call, result))(*args, **kwargs)
        if condition.ill:
            rescuer.returned()
        return result

    return guarded


def rescue_async(rescuer: Rescuer, call: Call) -> Call:
    """Return the coroutine function `call` with something done about its failures."""
    condition = rescuer.condition

    async def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            result = await (call(*args, **kwargs) if kwargs else call(*args))
        except Exception as error:
            if not rescuer.handles(error):
                raise
            answer = await follow_async(rescuer.course(error, partial(call, *args, **kwargs)))
            if answer is GIVEN_UP:
                raise
            return answer
        if condition.ill:
            rescuer.returned()
        return result

    return guarded


def rescue_generator(rescuer: Rescuer, call: Call) -> Call:
    """Return the generator function `call`; it is rescued up to its first item."""
    return beginning(partial(rescue_sync, rescuer), call)


def rescue_async_generator(rescuer: Rescuer, call: Call) -> Call:
    """Return the async generator function `call`, as `rescue_generator` does a plain one."""
    return beginning_async(partial(rescue_async, rescuer), call)


SHELLS = {
    Kind.SYNC: rescue_sync,
    Kind.ASYNC: rescue_async,
    Kind.GENERATOR: rescue_generator,
    Kind.ASYNC_GENERATOR: rescue_async_generator,
}


def call_sync(rescuer: Rescuer, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call once, rescued."""
    return rescue_sync(rescuer, call)(*args, **kwargs)


async def call_async(
    rescuer: Rescuer, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call once, rescued, and await what it returns if that can be awaited."""
    return await rescue_async(rescuer, awaited(call))(*args, **kwargs)
