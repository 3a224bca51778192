"""Reading what other threads add to meanwhile."""

from __future__ import annotations

from collections import deque
from typing import TypeVar

T = TypeVar("T")


def copied(items: deque[T]) -> list[T]:
    """Return what a queue holds, while others may add to it without a lock.

    With a GIL, listing one is a single step. Without, an addition amid it is an error, and it is
    listed again.
    """
    while True:
        try:
            return list(items)
        except RuntimeError:
            continue
