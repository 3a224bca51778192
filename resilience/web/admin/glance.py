"""The board as several people look at it at once: rendered for all of them, and not too often."""

from __future__ import annotations

import time
from typing import NamedTuple
from weakref import WeakKeyDictionary

from resilience.systems import System
from resilience.web.admin.board import board
from resilience.web.admin.page import Frame, fragment

SHARED = 0.5
"""Seconds for which a board is shown to others as it is."""

SHARE = 10
"""It is shown for so many times the time that it took: large ones do not take the worker's."""

POLL = 2.0
"""Seconds between two looks of a page."""

MOST_POLLS = 25
"""Looks a second that pages are asked to keep to in this process, however many there are."""


class Board(NamedTuple):
    """A board as it was at one moment.

    Args:
        html: what is inside the page's `main`.
        last: the number of the last event that it knows.
    """

    html: str
    last: int


class Glance:
    """What is shown to all who look within a short time; one for each system.

    Threads may race here: a board is rendered twice then, and a look is not counted.
    """

    def __init__(self) -> None:
        self._kept: dict[bool, tuple[float, Board]] = {}
        self._next = 0.0

    def board(self, system: System, *, may_operate: bool) -> Board:
        """Return a board that is at most `SHARED` seconds old, if it does not take long.

        Args:
            system: what is shown.
            may_operate: whether there are buttons.
        """
        now = time.monotonic()
        until, found = self._kept.get(may_operate, (0.0, None))
        if found is None or now >= until:
            told = board(system)
            found = Board(str(fragment(told, Frame(may_operate=may_operate))), told["last"])
            done = time.monotonic()
            self._kept[may_operate] = (done + max(SHARED, SHARE * (done - now)), found)
        return found

    def forget(self) -> None:
        """Show no earlier board: somebody has ordered something, and looks for it."""
        self._kept.clear()

    def wait(self) -> float:
        """Return in how many seconds a page may look again, so that all keep to `MOST_POLLS`."""
        now = time.monotonic()
        self._next = max(now + POLL, self._next + 1 / MOST_POLLS)
        return self._next - now


_glances: WeakKeyDictionary[System, Glance] = WeakKeyDictionary()


def glance_of(system: System) -> Glance:
    """Return what is shown of a system."""
    found = _glances.get(system)
    return _glances.setdefault(system, Glance()) if found is None else found
