"""The engine's life within an app's: a task on the app's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from resilience import System
from resilience import system as default_system
from resilience.clock import trio_here
from resilience.core.loops import beside

Lifespan = Callable[[Any], AbstractAsyncContextManager[Any]]


@asynccontextmanager
async def lifespan(
    app: Any, *, system: System = default_system, within: Lifespan | None = None
) -> AsyncIterator[Any]:
    """Run the system's engine while the app lives, as in `Starlette(lifespan=lifespan)`.

    Where no lifespan is run, the first request starts the engine in a thread.

    Args:
        app: the app.
        system: whose engine it is.
        within: the app's own lifespan, begun after the engine and ended before it; what it
            yields is yielded.
    """
    async with _engine(system) as runs, (within or _nothing)(app) as state:
        try:
            yield state
        finally:
            if runs:
                system.stopping = True  # from here on, while the app still puts its things away


@asynccontextmanager
async def _engine(system: System) -> AsyncIterator[bool]:
    """Run the engine as a task; False: another app's lifespan does so, and will stop it."""
    if trio_here() is not None:
        async with _engine_beside_trio(system) as runs:
            yield runs
        return
    task = asyncio.create_task(system.runtime.engine.run(), name="resilience-engine")
    await asyncio.sleep(0)  # from here on it is the one that runs: no request starts a thread
    if task.done():
        yield False
        return
    system.stopping = False
    try:
        yield True
    finally:
        await asyncio.to_thread(system.stop)  # what it drains may wait for a disk
        await task


@asynccontextmanager
async def _engine_beside_trio(system: System) -> AsyncIterator[bool]:
    """Run the engine in a thread: it knows no tasks but asyncio's."""
    if system.runtime.engine.running:
        yield False
        return
    system.stopping = False
    system.start()
    try:
        yield True
    finally:
        await beside(system.stop)


@asynccontextmanager
async def _nothing(app: Any) -> AsyncIterator[None]:
    yield
