"""What waits to be written: so much and no more, the oldest going first when it overflows."""

from __future__ import annotations

from collections import deque
from itertools import count, islice
from typing import Any


class Waiting:
    """A bounded queue that many threads fill and one empties; filling it takes no lock.

    Args:
        most: how many may wait, >= 1.
    """

    __slots__ = ("_came", "_items", "_left", "_looks")

    def __init__(self, most: int) -> None:
        self._items: deque[Any] = deque(maxlen=most)
        self._came = count()
        self._looks = self._left = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Any) -> int:
        """Add one, and return how many wait."""
        self._items.append(item)
        next(self._came)  # only now: in between, what came and is not there would look dropped
        return len(self._items)

    def take(self, most: int) -> list[Any]:
        """Remove and return up to `most`, oldest first."""
        taken = []
        for _ in islice(count(), most):
            try:
                taken.append(self._items.popleft())
            except IndexError:
                break
        self._left += len(taken)
        return taken

    def dropped(self) -> int:
        """Return how many were dropped so far; only the one who empties it may ask."""
        waiting = len(self._items)
        came = next(self._came) - self._looks
        self._looks += 1
        return max(0, came - self._left - waiting)
