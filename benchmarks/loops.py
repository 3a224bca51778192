"""The timed loops: each makes a given number of calls in one shape and returns the ns they took."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from itertools import repeat
from time import perf_counter_ns
from typing import Any, Protocol

Call = Callable[[], object]
Loop = Callable[[int], int]
Timer = Callable[[], int]


class Thing(Protocol):
    """An object whose method is timed, looked up on each call as users do."""

    def work(self) -> object:
        """Do nothing, guarded or not."""
        ...


def empty(timer: Timer = perf_counter_ns) -> Loop:
    """Return the loop around nothing, whose cost is taken off all the others."""

    def loop(calls: int) -> int:
        started = timer()
        for _ in repeat(None, calls):
            pass
        return timer() - started

    return loop


def plain(call: Call, timer: Timer = perf_counter_ns) -> Loop:
    """Return a loop of `call()`."""

    def loop(calls: int) -> int:
        started = timer()
        for _ in repeat(None, calls):
            call()
        return timer() - started

    return loop


def awaited(call: Callable[[], Awaitable[object]], timer: Timer = perf_counter_ns) -> Loop:
    """Return a loop of `await call()` inside one task."""

    async def timed(calls: int) -> int:
        started = timer()
        for _ in repeat(None, calls):
            await call()
        return timer() - started

    return lambda calls: asyncio.run(timed(calls))


def method(thing: Thing, timer: Timer = perf_counter_ns) -> Loop:
    """Return a loop of `thing.work()`, attribute look-up included."""

    def loop(calls: int) -> int:
        started = timer()
        for _ in repeat(None, calls):
            thing.work()
        return timer() - started

    return loop


def block(guard: AbstractContextManager[Any], timer: Timer = perf_counter_ns) -> Loop:
    """Return a loop of `with guard: pass`."""

    def loop(calls: int) -> int:
        started = timer()
        for _ in repeat(None, calls):
            with guard:
                pass
        return timer() - started

    return loop


def caught(
    make: Callable[[], Call], error: type[BaseException], timer: Timer = perf_counter_ns
) -> Loop:
    """Return a loop of calls of which some or all raise `error`, with the caller's `except`.

    `make` is called before each sample: one peer raises the same exception object for ever,
    whose traceback would grow through all samples.
    """

    def loop(calls: int) -> int:
        call = make()
        started = timer()
        for _ in repeat(None, calls):
            try:  # noqa: SIM105 - suppress() costs a context manager on each turn
                call()
            except error:
                pass
        return timer() - started

    return loop


def threaded(call: Call, threads: int, timer: Timer = perf_counter_ns) -> Loop:
    """Return a loop that shares its calls out among `threads` threads started together."""

    def loop(calls: int) -> int:
        share = max(1, calls // threads)
        barrier = threading.Barrier(threads)
        spans: list[tuple[int, int]] = []

        def work() -> None:
            barrier.wait()
            started = timer()
            for _ in repeat(None, share):
                call()
            spans.append((started, timer()))

        _run_all([threading.Thread(target=work) for _ in range(threads)])
        elapsed = max(end for _, end in spans) - min(start for start, _ in spans)
        return elapsed * calls // (share * threads)

    return loop


def _run_all(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
