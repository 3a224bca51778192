"""A generator that was begun already, for a reader who has not seen its first item."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any


class Resumed(Generator[Any, Any, Any]):
    """A generator whose first item was taken already, and is given again.

    Args:
        items: the generator.
        first: what its first `next` gave.
    """

    def __init__(self, items: Generator[Any, Any, Any], first: Any) -> None:
        self._items = items
        self._first: tuple[Any, ...] = (first,)

    def send(self, value: Any) -> Any:
        """Go on; the first time, give the first item."""
        if self._first:
            (first,), self._first = self._first, ()
            return first
        return self._items.send(value)

    def throw(self, *error: Any) -> Any:
        """Raise inside the generator."""
        return self._items.throw(*error)

    def close(self) -> None:
        """End the generator."""
        self._items.close()
