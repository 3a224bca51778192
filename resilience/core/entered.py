"""Whose `with` block this is, when many are in one object at once."""

from __future__ import annotations

import sys
from threading import RLock, get_ident
from typing import Generic, TypeVar

from resilience.clock import trio_here

T = TypeVar("T")


class Entered(Generic[T]):
    """What was taken on entering, kept on the object that was entered until it is left.

    The frame that runs the `with` statement finds its own again, also when it goes on in another
    thread or context than it began in (FastAPI's sync dependencies do). One that enters and
    leaves through different frames (`ExitStack`) gets the newest of its task or thread, else the
    newest there is.
    """

    __slots__ = ("_lock", "_taken")

    def __init__(self) -> None:
        self._taken: list[tuple[int, int, T]] = []  # frame, task or thread, what was taken
        self._lock = RLock()  # a generator that is collected may leave a block amid this

    def push(self, taken: T, depth: int) -> None:
        """Keep `taken` for the frame `depth` calls above."""
        self._taken.append((id(sys._getframe(depth)), _runner(), taken))

    def pop(self, depth: int) -> T:
        """Give back what the frame `depth` calls above took last."""
        frame = id(sys._getframe(depth))
        with self._lock:  # others may append meanwhile, but no other thread removes
            while True:
                try:
                    return self._taken.pop(self._newest(frame))[2]
                except IndexError:
                    if not self._taken:
                        raise
                    # What was collected left its own: look again.

    def _newest(self, frame: int) -> int:
        newest = range(len(self._taken) - 1, -1, -1)
        index = next((i for i in newest if self._taken[i][0] == frame), None)
        if index is None:
            runner = _runner()
            index = next((i for i in newest if self._taken[i][1] == runner), newest[0])
        return index

    def after_fork(self) -> None:
        """Replace the lock; the forking frame's own blocks are still to be left."""
        self._lock = RLock()


def _runner() -> int:
    """Return what tells this task, or outside of tasks this thread, from others."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and asyncio._get_running_loop() is not None:
        return id(asyncio.current_task())
    trio = trio_here()
    return get_ident() if trio is None else id(trio.lowlevel.current_task())
