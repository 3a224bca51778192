"""Making a failed call again: once for each kind of function.

What decides (`Plan`, and for one call its `Course`) knows nothing of sync and async; only this
file does. The first attempt runs with nothing but an `except` around it, and a tick after it.

Where guarded calls nest, only the outermost repeats (`nesting.py`).
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextvars import Token
from functools import partial
from types import CoroutineType, FrameType
from typing import Any, NamedTuple, Protocol

from resilience.clock import Clock
from resilience.core import deadline, nesting
from resilience.core.beginning import beginning, beginning_async
from resilience.core.coroutines import awaited, awaiting
from resilience.core.nesting import Scope, is_inside
from resilience.errors import Rejected

log = logging.getLogger("resilience")

Call = Callable[..., Any]
Args = tuple[Any, ...]
Kwargs = dict[str, Any]

SELDOM = 31
"""A call whose tick has none of these bits set (one in 32) lets the meter read the clock."""


class Meter(Protocol):
    """What counts calls.

    Args:
        tick: `next` of it counts one, and gives its number.
    """

    tick: Iterator[int]

    def look(self, now: float) -> None:
        """Sort what was counted since the last look into the time up to `now`."""


class Course(Protocol):
    """The attempts of one call.

    Args:
        wait: seconds to wait before the next one.
    """

    wait: float

    def goes_on(self, error: Exception) -> bool:
        """Hear that an attempt raised what is tried again; tell whether there is another one."""
        ...

    def goes_on_after(self, result: Any) -> bool:
        """Hear that an attempt's result was refused; tell whether there is another one."""
        ...

    def failed(self, error: Exception) -> bool:
        """Hear that an attempt raised; tell whether there is to be another one."""
        ...

    def returned(self, result: Any) -> bool:
        """Hear that an attempt returned; tell whether there is to be another one."""
        ...


class Plan(Protocol):
    """What decides which calls of a function are made again."""

    @property
    def meter(self) -> Meter:
        """What counts its calls."""
        ...

    @property
    def clock(self) -> Clock:
        """What waits, and tells the time."""
        ...

    @property
    def timeout(self) -> float | None:
        """Seconds for all attempts and waits; None: no limit of its own."""

    @property
    def judges(self) -> bool:
        """Whether results can be refused."""
        ...

    @property
    def active(self) -> bool:
        """False: every call is made once."""
        ...

    def retries(self, error: Exception) -> bool:
        """Tell whether this is an error after which to try again."""
        ...

    def refuses(self, result: Any) -> bool:
        """Tell whether what was returned is as bad as a failure."""
        ...

    def begin(self) -> Course:
        """Return a course whose first attempt was made."""
        ...


def repeat_sync(plan: Plan, call: Call) -> Call:
    """Return `call` with its failures tried again."""
    meter, coroutine = plan.meter, CoroutineType

    def guarded(*args: Any, **kwargs: Any) -> Any:
        limit = None if plan.timeout is None else _begin(plan)
        try:
            try:
                result = call(*args, **kwargs)
            except Exception as error:
                if (course := _failed(plan, error, sys._getframe(1))) is None:
                    raise
                _close(error)
            else:
                if type(result) is not coroutine and not plan.judges and next(meter.tick) & SELDOM:
                    return result
                return _judged(plan, call, result, args, kwargs)
            # Outside of the `except`: the next error is not to carry this one as its context.
            return _again(plan, course, call, args, kwargs)
        finally:
            if limit is not None:
                limit.end()

    nesting.known_by_frame(guarded.__code__)
    return guarded


def _judged(plan: Plan, call: Call, result: Any, args: Args, kwargs: Kwargs) -> Any:
    """Return the first attempt's result if it is good, else that of the further ones."""
    if type(result) is CoroutineType:
        return repeat_async(plan, awaiting(call, result))(*args, **kwargs)
    if (course := _refused(plan, result, sys._getframe(2))) is None:
        return result
    _close(result)
    return _again(plan, course, call, args, kwargs)


def repeat_async(plan: Plan, call: Call) -> Call:
    """Return the coroutine function `call` with its failures tried again."""
    meter, inside, enter = plan.meter, nesting.current, nesting.enter

    async def guarded(*args: Any, **kwargs: Any) -> Any:
        if inside():
            return await call(*args, **kwargs)
        enter(scope := [True])
        limit = None if plan.timeout is None else _begin(plan)
        try:
            try:
                result = await call(*args, **kwargs)
            except Exception as error:
                if (course := _failed(plan, error, sys._getframe(1), scope)) is None:
                    raise
                await _close_async(error)
            else:
                if not plan.judges and next(meter.tick) & SELDOM:
                    return result
                return await _judged_async(plan, scope, call, result, args, kwargs)
            return await _again_async(plan, course, call, args, kwargs)
        finally:
            scope.clear()
            if limit is not None:
                limit.end()

    return guarded


async def _judged_async(  # noqa: PLR0917 - what `repeat_async` has in hand
    plan: Plan, scope: Scope, call: Call, result: Any, args: Args, kwargs: Kwargs
) -> Any:
    """Return the first attempt's result if it is good, else that of the further ones."""
    if (course := _refused(plan, result, sys._getframe(2), scope)) is None:
        return result
    await _close_async(result)
    return await _again_async(plan, course, call, args, kwargs)


class _Limit(NamedTuple):
    """The deadline over all attempts of a call.

    Args:
        entry: what ends it.
        own: it, where it was made for the call; None: it is that of the work around it.
    """

    entry: Token[deadline.Deadline | None]
    own: deadline.Deadline | None

    def end(self) -> None:
        """End it; what the attempts left running has it no longer."""
        deadline.end(self.entry)
        if self.own is not None:
            self.own.finish()


def _begin(plan: Plan) -> _Limit | None:
    """Set the deadline over all attempts of a call."""
    seconds = plan.timeout
    if seconds is None or not plan.active:
        return None
    outer, entry = deadline.current(), deadline.begin(seconds, plan.clock)
    by = deadline.current()
    return _Limit(entry, None if by is outer else by)


def repeat_generator(plan: Plan, call: Call) -> Call:
    """Return the generator function `call`; a failure before its first item is tried again."""
    return beginning(partial(repeat_sync, plan), call)


def repeat_async_generator(plan: Plan, call: Call) -> Call:
    """Return the async generator function `call`, as `repeat_generator` does a plain one."""
    return beginning_async(partial(repeat_async, plan), call)


def _failed(
    plan: Plan, error: Exception, caller: FrameType | None, own: Scope | None = None
) -> Course | None:
    """Count a call whose first attempt raised; return its course if there is another attempt."""
    if isinstance(error, Rejected):
        return None  # nobody was called: there is nothing to count, and nothing to try again
    _count(plan)
    if not plan.active or not plan.retries(error) or is_inside(caller, own):
        return None
    course = plan.begin()
    return course if course.goes_on(error) else None


def _refused(
    plan: Plan, result: Any, caller: FrameType | None, own: Scope | None = None
) -> Course | None:
    """Return the course of a call that returned, if its result is refused and it is made again."""
    plan.meter.look(plan.clock.monotonic())
    if not plan.judges:  # it was counted already
        return None
    next(plan.meter.tick)
    if not plan.active or not plan.refuses(result) or is_inside(caller, own):
        return None
    course = plan.begin()
    return course if course.goes_on_after(result) else None


def _count(plan: Plan) -> None:
    plan.meter.look(plan.clock.monotonic())  # first, so that the call is of the present second
    next(plan.meter.tick)


def _again(plan: Plan, course: Course, call: Call, args: Args, kwargs: Kwargs) -> Any:
    """Make the further attempts of a call whose first one was not good."""
    nesting.enter(scope := [True])  # for threads that are started with this context
    try:
        while True:
            plan.clock.sleep(course.wait)
            try:
                result = call(*args, **kwargs)
            except Exception as error:
                if not course.failed(error):
                    raise
                _close(error)
            else:
                if type(result) is CoroutineType:
                    course.wait = 0.0
                    return _again_async(plan, course, awaiting(call, result), args, kwargs)
                if not course.returned(result):
                    return result
                _close(result)
    finally:
        scope.clear()


async def _again_async(plan: Plan, course: Course, call: Call, args: Args, kwargs: Kwargs) -> Any:
    """Make the further attempts of a coroutine function's call."""
    while True:
        await plan.clock.sleep_async(course.wait)
        try:
            result = await call(*args, **kwargs)
        except Exception as error:
            if not course.failed(error):
                raise
            await _close_async(error)
        else:
            if not course.returned(result):
                return result
            await _close_async(result)


def _close(discarded: Any) -> None:
    """Close a response that nobody will read, also the one that an exception carries."""
    for each in _closable(discarded):
        try:
            answer = each.close()
            if type(answer) is CoroutineType:
                answer.close()  # nobody here can await it
        except Exception:
            log.debug("closing a discarded %r failed", type(each), exc_info=True)


async def _close_async(discarded: Any) -> None:
    """Close a response that nobody will read, by its `aclose` where it has one."""
    for each in _closable(discarded):
        try:
            answer = each.aclose() if hasattr(each, "aclose") else each.close()
            if hasattr(answer, "__await__"):
                await answer
        except Exception:
            log.debug("closing a discarded %r failed", type(each), exc_info=True)


def _closable(discarded: Any) -> list[Any]:
    candidates = [discarded]
    if isinstance(discarded, BaseException):
        candidates.append(getattr(discarded, "response", None))
    return [each for each in candidates if hasattr(each, "close") or hasattr(each, "aclose")]


def call_sync(plan: Plan, call: Call, args: Args, kwargs: Kwargs) -> Any:
    """Call, and again where the plan says so."""
    return repeat_sync(plan, call)(*args, **kwargs)


async def call_async(plan: Plan, call: Call, args: Args, kwargs: Kwargs) -> Any:
    """Call, and again where the plan says so; await what it returns if that can be awaited."""
    return await repeat_async(plan, awaited(call))(*args, **kwargs)
