"""Places of a bulkhead: given back once on every way out, resized in use, seen, named."""

import asyncio
import gc
import os
import threading
import warnings
from collections.abc import AsyncGenerator, Generator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from resilience import BulkheadFullError, ConfigurationError, Event, System, UnknownSettingError
from resilience.limits.bulkheads import Bulkhead, BulkheadSnapshot
from resilience.limits.layer import bulkhead_of


class OwnError(Exception):
    """What the calls of these tests fail with."""


@pytest.fixture
def one(system: System) -> Bulkhead:
    """Give a bulkhead of one place, where nobody waits."""
    made: Bulkhead = system.bulkheads.get("one", limit=1)
    return made


def test_a_full_bulkhead_turns_calls_away(one: Bulkhead, events: list[Event]) -> None:
    """It says which one it is, counts, tells, and does not make the call."""
    calls: list[str] = []

    with one, pytest.raises(BulkheadFullError, match="'one' is full") as error:
        one.call(calls.append, "made")

    assert calls == []
    assert (error.value.name, error.value.retry_after) == ("one", None)
    assert [(each.type, each.component, each.data["reason"]) for each in events] == [
        ("call_rejected", "one", "bulkhead_full")
    ]
    assert one.snapshot() == BulkheadSnapshot(
        name="one", limit=1, max_wait=0.0, in_use=0, waiting=0, rejected=1
    )


def test_the_refusal_is_about_the_bulkhead_alone(system: System) -> None:
    """How it found out that there was no place is nobody's business."""

    @system.bulkhead(limit=1, name="one")
    def inner() -> None:
        with pytest.raises(BulkheadFullError) as error:
            inner()
        assert error.value.__context__ is None

    @system.bulkhead(limit=1, name="async one")
    async def inner_async() -> None:
        with pytest.raises(BulkheadFullError) as error:
            await inner_async()
        assert error.value.__context__ is None

    inner()
    asyncio.run(inner_async())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_call_around_a_fork_gives_back_one_place(system: System) -> None:
    """In the parent; the child never had it, and has no place more for it."""
    read, write = os.pipe()
    warnings.simplefilter("ignore", DeprecationWarning)  # 3.12: fork with threads
    guarded = system.bulkhead(limit=2, name="forked")(os.fork)
    bulkhead = bulkhead_of(guarded)

    if (pid := guarded()) == 0:
        with suppress(BulkheadFullError):
            for _ in range(5):
                bulkhead.take()
        os.write(write, f"{bulkhead.snapshot().in_use} of {bulkhead.limit}".encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)

    assert said == "2 of 2"
    assert bulkhead.snapshot().in_use == 0


def test_threads_and_tasks_share_the_places(one: Bulkhead) -> None:
    """One held by sync code is not there for async code, and the other way round."""

    async def main() -> None:
        with one, pytest.raises(BulkheadFullError):
            await one.call_async(asyncio.sleep, 0)
        async with one:
            with pytest.raises(BulkheadFullError):
                one.call(str)

    asyncio.run(main())
    assert one.snapshot().in_use == 0


def test_every_way_out_of_sync_code_gives_the_place_back(one: Bulkhead) -> None:
    """A result, an error of any kind."""

    def fail(error: BaseException) -> None:
        assert one.snapshot().in_use == 1
        raise error

    assert one.call(lambda: one.snapshot().in_use) == 1
    for error in (OwnError(), KeyboardInterrupt(), SystemExit()):
        with pytest.raises(type(error)):
            one.call(fail, error)
        with pytest.raises(type(error)), one:
            raise error
    assert one.snapshot().in_use == 0


def test_every_way_out_of_async_code_gives_the_place_back(one: Bulkhead) -> None:
    """A result, an error, a cancellation."""

    async def work(error: BaseException | None = None) -> int:
        if error is not None:
            raise error
        return one.snapshot().in_use

    async def main() -> None:
        assert await one.call_async(work) == 1
        with pytest.raises(OwnError):
            await one.call_async(work, OwnError())
        task = asyncio.create_task(one.call_async(asyncio.sleep, 3600))
        await asyncio.sleep(0)
        assert one.snapshot().in_use == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert one.snapshot().in_use == 0


def test_a_coroutine_takes_its_place_when_it_starts(system: System) -> None:
    """One that is never awaited takes none, also when a plain function returned it."""
    bulkhead = system.bulkheads.get("coroutines", limit=1)

    async def inside() -> int:
        return bulkhead.snapshot().in_use

    direct = system.bulkhead(name="coroutines", limit=1)(inside)

    @system.bulkhead(name="coroutines", limit=1)
    def returned() -> Any:
        return inside()

    async def main() -> list[int]:
        return [await direct(), await returned()]

    for make in (direct, returned):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it was never awaited
            make()
            gc.collect()
    assert bulkhead.snapshot().in_use == 0
    assert asyncio.run(main()) == [1, 1]
    assert bulkhead.snapshot().in_use == 0


def test_a_place_may_come_back_amid_a_change(system: System) -> None:
    """Of a block that is collected by the thread that makes it, as garbage is at any moment."""
    bulkhead: Bulkhead = system.bulkheads.get("two", limit=2)

    def items() -> Generator[int]:
        with bulkhead:
            yield 1

    running = items()
    next(running)
    ring: list[object] = [running]
    ring.append(ring)
    bulkhead.take()
    bulkhead.resize(1)  # from here on who puts one back has to ask

    def change() -> None:
        with bulkhead._lock:
            gc.collect()

    del running, ring
    thread = threading.Thread(target=change, daemon=True)
    thread.start()
    thread.join(30)

    assert not thread.is_alive()
    assert (bulkhead.snapshot().in_use, bulkhead.snapshot().limit) == (1, 1)


def test_a_returned_coroutine_that_finds_no_place_is_closed(one: Bulkhead) -> None:
    """It is never run, and does not warn of it."""

    async def inside() -> None:
        """Never run."""

    made: Any = inside()

    async def main() -> None:
        waiting: Any = one.call(lambda: made)
        with one, pytest.raises(BulkheadFullError):
            await waiting

    asyncio.run(main())
    assert made.cr_frame is None


def test_generators_hold_their_place_from_first_step_to_end(system: System) -> None:
    """Read to the end, closed, dropped, failed: each gives it back once."""
    bulkhead = system.bulkheads.get("generators", limit=1)

    @system.bulkhead(name="generators", limit=1)
    def items(error: bool = False) -> Generator[int, None, None]:
        yield 1
        if error:
            raise OwnError
        yield 2

    def in_use() -> int:
        used: int = bulkhead.snapshot().in_use
        return used

    run = items()
    assert in_use() == 0
    assert next(run) == 1
    assert in_use() == 1
    with pytest.raises(BulkheadFullError):
        next(items())
    assert (list(run), in_use()) == ([2], 0)
    closed = items()
    next(closed)
    closed.close()
    closed.close()
    assert in_use() == 0
    dropped = items()
    next(dropped)
    del dropped
    gc.collect()
    assert in_use() == 0
    with pytest.raises(OwnError):
        list(items(error=True))
    assert in_use() == 0


def test_async_generators_hold_their_place_from_first_step_to_end(system: System) -> None:
    """Read to the end, closed, failed, cancelled: each gives it back once."""
    bulkhead = system.bulkheads.get("async generators", limit=1)

    @system.bulkhead(name="async generators", limit=1)
    async def items(error: bool = False) -> AsyncGenerator[int, None]:
        yield 1
        if error:
            raise OwnError
        await asyncio.sleep(0)
        yield 2

    def in_use() -> int:
        used: int = bulkhead.snapshot().in_use
        return used

    async def main() -> None:
        run = items()
        assert in_use() == 0
        assert await anext(run) == 1
        assert in_use() == 1
        with pytest.raises(BulkheadFullError):
            await anext(items())
        assert ([item async for item in run], in_use()) == ([2], 0)
        closed = items()
        await anext(closed)
        await closed.aclose()
        await closed.aclose()
        assert in_use() == 0
        failing = items(error=True)
        await anext(failing)
        with pytest.raises(OwnError):
            await anext(failing)
        assert in_use() == 0
        cancelled = items()
        await anext(cancelled)
        task = asyncio.ensure_future(anext(cancelled))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert in_use() == 0
        dropped = items()
        await anext(dropped)
        del dropped
        gc.collect()

    asyncio.run(main())
    assert in_use() == 0


def test_it_grows_at_once_and_shrinks_as_places_come_back(system: System) -> None:
    """Nobody loses a place to a smaller limit, and nobody gets one above it."""
    bulkhead = system.bulkheads.get("resized", limit=1)
    bulkhead.take()
    bulkhead.resize(3)
    bulkhead.take()
    bulkhead.take()

    bulkhead.resize(1)

    assert (bulkhead.limit, bulkhead.snapshot().in_use) == (1, 3)
    for _ in range(2):
        bulkhead.leave()
        with pytest.raises(BulkheadFullError):
            bulkhead.take()
    bulkhead.leave()
    bulkhead.take()
    assert bulkhead.snapshot().in_use == 1


def test_a_place_comes_back_while_the_limit_changes(one: Bulkhead) -> None:
    """Without a GIL whoever gives one back may read half of the change."""

    class Growing(list[None]):
        def __len__(self) -> int:
            if one.limit == 1:
                one.resize(10)
            return super().__len__()

    with one:
        one.free = Growing()

    assert (one.limit, one.snapshot().in_use) == (10, 0)


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "3", None, 100_001])
def test_what_is_no_limit_is_refused(one: Bulkhead, limit: Any) -> None:
    """When made and when resized; the one in force stays."""
    with pytest.raises(ConfigurationError, match=r"limit=.*whole number of at least 1"):
        one.resize(limit)
    assert one.limit == 1


def test_inactive_guards_turn_nobody_away(one: Bulkhead, system: Any) -> None:
    """And places stay counted, whenever they are switched."""
    with one:
        system.active = False
        with one:
            assert one.snapshot().in_use == 2
            system.active = True
    assert one.snapshot().in_use == 0


def test_same_name_same_bulkhead(system: System) -> None:
    """Two functions share one; other arguments for it are refused."""
    first = system.bulkhead(name="shared", limit=3)(lambda: "first")
    second = system.bulkhead(name="shared", limit=3)(lambda: "second")

    assert bulkhead_of(first) is bulkhead_of(second) is system.bulkheads["shared"]
    with pytest.raises(ConfigurationError, match=r"'shared' is described .* limit=3, .* limit=4"):
        system.bulkhead(name="shared", limit=4)(lambda: "third")
    assert system.bulkheads["shared"].limit == 3


def test_the_same_function_may_come_again(system: System) -> None:
    """A notebook cell run again with other numbers puts them in force."""

    def define(limit: int) -> Any:
        @system.bulkhead(name="again", limit=limit)
        def work() -> None: ...

        return work

    first = bulkhead_of(define(3))
    second = bulkhead_of(define(5))

    assert first is second
    assert second.limit == 5


def test_bulkheads_are_found_by_name(system: System) -> None:
    """`get` makes, the others only find; an error says near names."""
    made = system.bulkheads.get("payments")

    assert made is system.bulkheads["payments"]
    assert made.limit == 25
    assert (list(system.bulkheads), len(system.bulkheads)) == ([made], 1)
    assert "payments" in system.bulkheads
    with pytest.raises(KeyError, match="did you mean 'payments'"):
        system.bulkheads["payment"]
    declared = system.bulkhead(name="payments", limit=2, max_wait=timedelta(seconds=1))(
        lambda: None
    )
    assert bulkhead_of(declared) is made
    assert (made.limit, made.max_wait) == (2, 1.0)
    assert system.bulkheads.get("payments") is made
    with pytest.raises(ConfigurationError, match="'payments' is described"):
        system.bulkheads.get("payments", limit=9)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"limit": 0}, ConfigurationError, "limit=0"),
        ({"max_wait": -1}, ConfigurationError, "max_wait=-1: give a number >= 0"),
        ({"max_wait": float("nan")}, ConfigurationError, "max_wait=nan"),
        ({"max_wait": "1"}, ConfigurationError, "max_wait='1'"),
        ({"limits": 3}, UnknownSettingError, "unknown setting 'limits'; did you mean 'limit'"),
    ],
)
def test_bad_settings_are_refused_by_name(
    system: System, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    """Name of the bulkhead, setting, value, and what is allowed; nothing is made."""
    with pytest.raises(error, match=said) as raised:
        system.bulkheads.get("refused", **options)
    assert "'refused'" in str(raised.value)
    assert "refused" not in system.bulkheads
