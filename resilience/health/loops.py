"""An event loop for an async check where the app has none."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any

_inherited: list[asyncio.Runner] = []
"""Loops of the parent process: closing one here would end the parent's, which shares its epoll."""


class OwnLoop:
    """A loop that lasts from one run of a check to the next, and stands still in between.

    What an async client keeps open belongs to the loop it was opened on; a new loop for every
    run would find the connections of the last one dead. No thread waits for it: each run
    brings its own.
    """

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None
        self._pid = os.getpid()
        self._running = False

    def run(self, act: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Await `act()`; never from two threads at once."""
        if self._runner is None or self._pid != os.getpid():
            self.after_fork()
            self._runner = asyncio.Runner()
        self._running = True
        try:
            self._runner.run(act())
        finally:
            self._running = False

    def after_fork(self) -> None:
        """Leave the parent's loop alone; the next run makes one of its own."""
        if self._runner is not None:
            _inherited.append(self._runner)
        self._runner, self._pid, self._running = None, os.getpid(), False

    def close(self) -> None:
        """End the loop, unless a run still holds it."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        if self._running:
            _inherited.append(runner)
        else:
            runner.close()
