"""A loop of our own, for async work in an app that has none."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from resilience.clock import trio_here

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future


class Held:
    """Coroutines at work on a loop, held until they end: the loop itself holds them only weakly."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[Any]] = set()

    def begin(
        self, coroutine: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop
    ) -> Future[Any] | None:
        """Run a coroutine; return what will have its outcome, or None if the loop is closed."""
        import asyncio

        held = self._held(coroutine)
        try:
            return asyncio.run_coroutine_threadsafe(held, loop)
        except RuntimeError:
            held.close()
            return None

    async def end(self, until: float) -> None:
        """Wait for all of them, and cancel them when `time.monotonic()` is `until`; on the loop."""
        import asyncio

        if self.tasks:
            await asyncio.wait(self.tasks, timeout=max(0.0, until - time.monotonic()))
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _held(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        import asyncio

        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            return await coroutine
        finally:
            self.tasks.discard(task)


class LoopThread:
    """An event loop on a daemon thread, both made when they are first needed.

    It is one and the same loop from then on, so what keeps connections open on it may be used
    again. It belongs to the process that made it.
    """

    def __init__(self) -> None:
        self._held = Held()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._until = 0.0  # `time.monotonic()` when what still runs is cancelled

    def submit(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run a coroutine on the loop; return what will have its outcome.

        Raises:
            RuntimeError: the machine has no thread to give.
        """
        if _threads_are_greenlets():
            return _run_in_a_real_thread(coroutine)
        with self._lock:
            loop = self._loop or self._start()
            future = self._held.begin(coroutine, loop)
        assert future is not None  # only `close` lets it close, which takes it away first
        return future

    def close(self, until: float) -> None:
        """End, once all is done or `time.monotonic()` is `until`; what runs then is cancelled."""
        with self._lock:  # together: from then on another loop may be made
            loop, end, thread = self._loop, self._end, self._thread
            self._loop = None
        if loop is None or end is None or thread is None:
            return
        self._until = until
        loop.call_soon_threadsafe(end.set)
        thread.join(max(0.0, until - time.monotonic()) + 0.1)

    def _start(self) -> asyncio.AbstractEventLoop:
        ready, self._held = threading.Event(), Held()
        self._thread = threading.Thread(
            target=self._work, args=(ready, self._held), name="resilience-loop", daemon=True
        )
        self._thread.start()
        ready.wait()
        assert self._loop is not None
        return self._loop

    def _work(self, ready: threading.Event, held: Held) -> None:
        import asyncio

        asyncio.run(self._main(ready, held))

    async def _main(self, ready: threading.Event, held: Held) -> None:
        import asyncio

        self._loop, self._end = asyncio.get_running_loop(), (end := asyncio.Event())
        ready.set()
        await end.wait()
        await held.end(self._until)


async def beside(act: Callable[[], object]) -> None:
    """Do `act()` in a thread, and let the running loop go on meanwhile."""
    if (trio := trio_here()) is not None:
        await trio.to_thread.run_sync(act)
        return
    import asyncio

    await asyncio.to_thread(act)


def _threads_are_greenlets() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and monkey.is_module_patched("threading")


def _run_in_a_real_thread(coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
    """Run a coroutine beside gevent's greenlets, on a loop of its own.

    All greenlets share one thread, and so one running loop: while it ran in one of them, no other
    could run any. The outcome is given by a greenlet, because only those may use patched locks.
    """
    import asyncio
    from concurrent.futures import Future

    gevent: Any = sys.modules["gevent"]
    outcome: Future[Any] = Future()

    def work() -> None:
        try:
            outcome.set_result(gevent.get_hub().threadpool.apply(asyncio.run, (coroutine,)))
        except BaseException as error:  # everything: it is for whoever asked
            outcome.set_exception(error)

    gevent.spawn(work)
    return outcome
