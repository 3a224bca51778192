"""Whose `with` block this is, when many are in one object at once."""

from __future__ import annotations

import sys
from threading import Lock, get_ident
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class _Place(NamedTuple):
    frame: int
    runner: int


class Entered(Generic[T]):
    """What was taken on entering, kept on the object that was entered until it is left.

    The frame that runs the `with` statement finds its own again, also when it goes on in another
    thread or context than it began in (FastAPI's sync dependencies do). One that enters and
    leaves through different frames (`ExitStack`) gets the newest of its task or thread, else the
    newest there is.
    """

    __slots__ = ("_lock", "_taken")

    def __init__(self) -> None:
        self._taken: list[tuple[_Place, T]] = []
        self._lock = Lock()

    def push(self, taken: T, depth: int) -> None:
        """Keep `taken` for the frame `depth` calls above."""
        place = _Place(id(sys._getframe(depth)), _runner())
        with self._lock:
            self._taken.append((place, taken))

    def pop(self, depth: int) -> T:
        """Give back what the frame `depth` calls above took last."""
        place = _Place(id(sys._getframe(depth)), _runner())
        with self._lock:
            return self._taken.pop(self._find(place))[1]

    def _find(self, place: _Place) -> int:
        newest = range(len(self._taken) - 1, -1, -1)
        for field in ("frame", "runner"):
            for index in newest:
                if getattr(self._taken[index][0], field) == getattr(place, field):
                    return index
        return -1


def _runner() -> int:
    """Return what tells this task, or outside of tasks this thread, from others."""
    asyncio = sys.modules.get("asyncio")
    try:
        task = asyncio.current_task() if asyncio is not None else None
    except RuntimeError:
        task = None
    return get_ident() if task is None else id(task)
