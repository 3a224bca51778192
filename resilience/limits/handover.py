"""Work that goes on after its caller was told that it failed, handed to whoever holds its place.

The error on its way to the caller carries it; the innermost bulkhead on that way takes it, and
gives the place back when the work has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

_CARRIED = "__resilience_work__"


class Work(Protocol):
    """A call that runs on a thread of its own."""

    def on_end(self, then: Callable[[], object]) -> None:
        """Call `then()` once when it has ended; now, if it has."""


def hand_over(error: BaseException, work: Work) -> None:
    """Let `error` carry `work`."""
    error.__dict__[_CARRIED] = work


def take_over(error: BaseException) -> Work | None:
    """Return the work that `error` carries, which it then carries no longer."""
    return cast("Work | None", error.__dict__.pop(_CARRIED, None))


class Ended:
    """Work of another process, as it arrives here with a pickled error."""

    __slots__ = ()

    def on_end(self, then: Callable[[], object]) -> None:
        """Call `then()`."""
        then()
