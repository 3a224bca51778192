"""Async time limits: whose cancellation it is, nesting, deadlines, generators."""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from resilience import DeadlineExceededError, System
from resilience.core import deadline
from resilience.testing import ManualClock

pytestmark = pytest.mark.filterwarnings("error")


class Pause:
    """Awaited, it hands control to whoever steps the coroutine."""

    def __await__(self) -> Any:
        yield


async def never() -> None:
    """Wait until cancelled."""
    await asyncio.get_running_loop().create_future()


def test_a_result_in_time_is_returned(system: System) -> None:
    """What is done in time is untouched, and nothing of ours stays behind."""

    @system.timeout(2.0)
    async def quick() -> tuple[str, float | None]:
        return "answer", deadline.remaining()

    async def main() -> tuple[Any, int, float | None]:
        task = asyncio.current_task()
        assert task is not None
        return await quick(), task.cancelling(), deadline.remaining()

    assert asyncio.run(main()) == (("answer", 2.0), 0, None)


def test_our_timer_cancels_and_our_error_is_raised(real: System) -> None:
    """Code that waits is cancelled when its time is up; the task itself is not."""
    seen: list[str] = []

    @real.timeout(0.02, name="slow thing")
    async def slow() -> None:
        try:
            await never()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main() -> int:
        with pytest.raises(DeadlineExceededError, match=r"'slow thing' .* within 0.02 s") as error:
            await slow()
        assert isinstance(error.value.__cause__, asyncio.CancelledError)
        task = asyncio.current_task()
        assert task is not None
        await asyncio.sleep(0)
        return task.cancelling()

    assert asyncio.run(main()) == 0
    assert seen == ["cancelled"]


def test_a_clock_moved_by_hand_is_enough(system: System, clock: ManualClock) -> None:
    """The system's clock says when time is up; the loop's timer only asks it."""

    @system.timeout(3600)
    async def slow() -> None:
        clock.advance(3599)
        await asyncio.sleep(0)
        clock.advance(1)
        await never()

    with pytest.raises(DeadlineExceededError):
        asyncio.run(slow())


def test_what_comes_too_late_is_too_late(system: System, clock: ManualClock) -> None:
    """Code that never lets the timer run is judged at its end."""

    @system.timeout(1.0)
    async def busy() -> str:
        clock.advance(1.0)
        return "late"

    with pytest.raises(DeadlineExceededError):
        asyncio.run(busy())


def test_code_that_swallows_the_cancellation_is_late_too(
    system: System, clock: ManualClock
) -> None:
    """A cancellation that is caught and forgotten does not make the call one in time."""

    @system.timeout(1.0)
    async def stubborn() -> str:
        clock.advance(2.0)
        try:
            await never()
        except asyncio.CancelledError:
            return "late"
        return "never"

    async def main() -> int:
        with pytest.raises(DeadlineExceededError):
            await stubborn()
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    assert asyncio.run(main()) == 0


def test_the_functions_own_timeout_stays_its_own(system: System, clock: ManualClock) -> None:
    """A `TimeoutError` of the code itself is not ours, in time or after it."""
    own = TimeoutError("the database said so")

    @system.timeout(1.0)
    async def fails(seconds: float) -> None:
        clock.advance(seconds)
        raise own

    for seconds in (0.0, 5.0):
        with pytest.raises(TimeoutError) as error:
            asyncio.run(fails(seconds))
        assert error.value is own


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_a_cancellation_from_outside_wins(system: System, clock: ManualClock, first: str) -> None:
    """Time is up and the caller cancels, both in one turn of the loop: it is cancelled."""
    waiting = asyncio.Event()

    @system.timeout(1.0)
    async def slow() -> None:
        waiting.set()
        await never()

    async def main() -> tuple[bool, int]:
        task = asyncio.create_task(slow())
        await waiting.wait()
        if first == "theirs":
            task.cancel()
            clock.advance(2.0)
        else:
            clock.advance(2.0)
            while not task.cancelling():  # noqa: ASYNC110 - our timer fires, and it has not run yet
                await asyncio.sleep(0)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return task.cancelled(), task.cancelling()

    assert asyncio.run(main()) == (True, 1)


def test_cleaning_up_after_a_cancellation_is_not_taken_for_a_deadline(
    system: System, clock: ManualClock
) -> None:
    """Time runs out while the code handles its caller's cancellation: it stays cancelled."""

    @system.timeout(1.0)
    async def slow() -> None:
        try:
            await never()
        finally:
            clock.advance(2.0)
            await never()

    async def main() -> bool:
        task = asyncio.create_task(slow())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return task.cancelled()

    assert asyncio.run(main()) is True


def test_a_task_that_survived_a_cancellation_has_its_limit_still(
    system: System, clock: ManualClock
) -> None:
    """Code that ignores its caller's cancellation is stopped when its time is up."""

    @system.timeout(1.0)
    async def survivor() -> None:
        try:
            await never()
        except asyncio.CancelledError:
            clock.advance(2.0)
        await never()

    async def main() -> None:
        task = asyncio.create_task(survivor())
        await asyncio.sleep(0)
        task.cancel()
        # Two were asked for, and one came out: no longer can anybody tell which.
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)

    asyncio.run(main())


@pytest.mark.parametrize(("outer", "inner", "named"), [(1.0, 9.0, "outer"), (9.0, 1.0, "inner")])
def test_nested_limits_raise_only_their_own(
    system: System, clock: ManualClock, outer: float, inner: float, named: str
) -> None:
    """The limit that is reached speaks, once, and the other keeps silent."""
    seen: list[str] = []

    @system.timeout(inner, name="inner")
    async def inside() -> None:
        await never()

    @system.timeout(outer, name="outer")
    async def outside() -> None:
        try:
            await inside()
        except DeadlineExceededError as error:
            seen.append(str(error))
        clock.advance(0.0)

    async def main() -> list[str]:
        task = asyncio.create_task(outside())
        await asyncio.sleep(0)
        clock.advance(2.0)
        try:
            await task
        except DeadlineExceededError as error:
            seen.append(str(error))
        assert task.cancelling() == 0
        return seen

    messages = asyncio.run(main())

    if named == "inner":  # the outer one has time left, and goes on
        assert len(messages) == 1
        assert messages[0].startswith("'inner' was not done within 1 s")
    else:  # what is inside may be told first, as its deadline is its parent's
        assert messages[-1].startswith("'outer' was not done within 1 s")
        assert len(messages) <= 2


def test_a_childs_deadline_is_never_later_than_its_parents(system: System) -> None:
    """`remaining()` is the shortest of all that are in force, also in child tasks."""
    seen: list[float | None] = []

    @system.timeout(100.0)
    async def child() -> None:
        seen.append(deadline.remaining())

    @system.timeout(3.0)
    async def parent() -> None:
        await child()
        await asyncio.create_task(child())
        seen.append(deadline.remaining())

    asyncio.run(parent())

    assert seen == [3.0, 3.0, 3.0]


def test_without_time_nothing_is_started(system: System, clock: ManualClock) -> None:
    """A call inside work whose time is up is refused at once; that work was late itself."""
    calls: list[str] = []

    @system.timeout(100.0, name="child")
    async def child() -> None:
        calls.append("child")

    @system.timeout(1.0)
    async def parent() -> None:
        clock.advance(1.0)
        await child()

    with pytest.raises(DeadlineExceededError, match=r"parent' was not done within 1 s") as late:
        asyncio.run(parent())
    assert str(late.value.__cause__).startswith("'child' was not started")
    assert calls == []


def test_a_coroutine_that_a_plain_function_returns_is_timed(
    system: System, clock: ManualClock
) -> None:
    """Both count: what the function does, and what its coroutine does."""
    waited: list[float | None] = []

    async def inside() -> None:
        waited.append(deadline.remaining())
        clock.advance(5.0)
        await never()

    @system.timeout(5.0)
    def fetch() -> Any:
        clock.advance(1.0)
        return inside()

    async def main() -> None:
        with pytest.raises(DeadlineExceededError):
            await fetch()

    asyncio.run(main())
    assert waited == [4.0]


def test_it_works_without_a_loop(system: System, clock: ManualClock) -> None:
    """A coroutine stepped by hand is judged at its end: there is nobody to cancel."""

    @system.timeout(5.0)
    async def step(seconds: float) -> str:
        clock.advance(seconds)
        return "stepped"

    with pytest.raises(StopIteration, match="stepped"):
        step(4.0).send(None)
    with pytest.raises(DeadlineExceededError):
        step(5.0).send(None)


def test_anyio_scopes_inside_and_outside_keep_their_own(system: System, clock: ManualClock) -> None:
    """A scope of anyio that is cancelled at the same moment swallows its cancellation as ever."""

    @system.timeout(1.0)
    async def slow(inside: bool) -> str:
        if inside:
            with anyio.move_on_after(0) as scope:
                await anyio.sleep_forever()
            assert scope.cancelled_caught
            return "moved on"
        clock.advance(2.0)
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            await anyio.sleep_forever()
        return "never"

    async def main() -> tuple[str, bool]:
        moved = await slow(inside=True)
        with anyio.move_on_after(0) as scope:  # due at once, as our limit is
            await slow(inside=False)
        with pytest.raises(DeadlineExceededError):
            await slow(inside=False)
        return moved, scope.cancelled_caught

    assert anyio.run(main) == ("moved on", True)


def test_a_scope_cancelled_just_before_our_timer_looks_is_not_disturbed(
    system: System, clock: ManualClock
) -> None:
    """Both timers are due in one turn of the loop, the scope's first: ours stands back."""

    @system.timeout(1.0)
    async def slow() -> None:
        await never()

    async def main() -> tuple[bool, int]:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        with anyio.CancelScope() as scope:
            loop.call_later(0.0, scope.cancel)
            loop.call_soon(clock.advance, 2.0)
            loop.call_soon(threading.Event().wait, 0.02)  # the loop hangs until both are due
            await slow()
        return scope.cancelled_caught, task.cancelling()

    assert anyio.run(main) == (True, 0)


def test_an_error_made_of_our_cancellation_is_the_codes_own(
    system: System, clock: ManualClock
) -> None:
    """Libraries turn cancellations into errors of theirs: those pass."""

    @system.timeout(1.0)
    async def converts() -> None:
        clock.advance(1.0)
        try:
            await never()
        except asyncio.CancelledError:
            raise OSError("connection dropped") from None

    async def main() -> int:
        with pytest.raises(OSError, match="connection dropped"):
            await converts()
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    assert asyncio.run(main()) == 0


def test_the_timer_of_a_finished_call_is_gone(real: System) -> None:
    """What its task does later is not cancelled, and the loop has nothing left to do for it."""

    @real.timeout(0.01)
    async def quick() -> str:
        return "answer"

    async def main() -> list[Any]:
        loop = asyncio.get_running_loop()
        problems: list[Any] = []
        loop.set_exception_handler(lambda _, problem: problems.append(problem))
        await quick()
        later = loop.create_future()
        loop.call_later(0.03, later.set_result, None)
        await later
        return problems

    assert asyncio.run(main()) == []


def test_a_dropped_coroutine_is_closed_in_any_context(system: System) -> None:
    """Begun in one context, closed in another, whose deadline stays its own."""
    run = contextvars.copy_context().run

    @system.timeout(1.0)
    async def waits() -> None:
        await Pause()

    coroutine = waits()
    run(coroutine.send, None)
    coroutine.close()

    assert deadline.remaining() is None


def test_it_works_under_starlettes_middleware(system: System, clock: ManualClock) -> None:
    """A view behind `BaseHTTPMiddleware`, which runs it in a task group of anyio."""

    @system.timeout(1.0)
    async def slow() -> None:
        clock.advance(2.0)
        await never()

    async def view(request: Request) -> Response:
        try:
            await slow()
        except DeadlineExceededError:
            return PlainTextResponse("late", status_code=504)
        return PlainTextResponse("never")

    class Middle(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: Any) -> Response:
            answer: Response = await call_next(request)
            return answer

    app = Starlette(routes=[Route("/", view)], middleware=[Middleware(Middle)])

    answer = TestClient(app).get("/")
    assert (answer.status_code, answer.text) == (504, "late")


def test_an_async_generator_has_its_time_for_the_whole_run(
    system: System, clock: ManualClock
) -> None:
    """Steps count; what its reader does between them does not."""
    closed: list[str] = []

    @system.timeout(3.0)
    async def items() -> AsyncIterator[int]:
        try:
            for item in range(10):
                clock.advance(1.0)
                yield item
        finally:
            closed.append("closed")

    async def main() -> None:
        run = items()
        assert await anext(run) == 0
        clock.advance(100.0)
        assert await anext(run) == 1
        clock.advance(100.0)
        with pytest.raises(DeadlineExceededError):
            await anext(run)
        assert closed == ["closed"]

    asyncio.run(main())


def test_an_async_generator_that_waits_is_cancelled(system: System, clock: ManualClock) -> None:
    """A step that does not come is stopped, and cleans up."""
    closed: list[str] = []

    @system.timeout(3.0)
    async def items() -> AsyncIterator[int]:
        try:
            yield 1
            clock.advance(3.0)
            await never()
        finally:
            closed.append("closed")

    async def main() -> int:
        run = items()
        first: int = await anext(run)
        with pytest.raises(DeadlineExceededError):
            await anext(run)
        with pytest.raises(StopAsyncIteration):
            await anext(run)
        return first

    assert asyncio.run(main()) == 1
    assert closed == ["closed"]


def test_a_reader_may_send_throw_and_close(system: System) -> None:
    """What its reader does reaches the generator."""
    seen: list[object] = []

    @system.timeout(3.0)
    async def items() -> Any:
        try:
            seen.append((yield 1))
            yield 2
        except KeyError:
            seen.append("thrown")
            yield 3
        finally:
            seen.append("closed")

    async def main() -> list[Any]:
        run = items()
        answers = [await anext(run), await run.asend("sent"), await run.athrow(KeyError())]
        await run.aclose()
        return answers

    assert asyncio.run(main()) == [1, 2, 3]
    assert seen == ["sent", "thrown", "closed"]
