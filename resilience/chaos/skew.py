"""A wall clock that is off inside some calls, and right for everybody else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock

_off: ContextVar[float] = ContextVar("resilience_clock_skew", default=0.0)
_right = time.time
_lock = Lock()
_wanted = 0


def _skewed() -> float:
    return _right() + _off.get()


def begin() -> None:
    """Let `time.time()` look at the call that it is in, until as many `end`s."""
    global _wanted  # noqa: PLW0603 - there is one `time.time` in a process
    with _lock:
        _wanted += 1
        time.time = _skewed


def end() -> None:
    """Give `time.time` back, after the last experiment."""
    global _wanted  # noqa: PLW0603
    with _lock:
        _wanted -= 1
        if not _wanted:
            time.time = _right


@contextmanager
def off_by(seconds: float) -> Iterator[None]:
    """Let the wall clock be off by `seconds` in this context."""
    token = _off.set(seconds)
    try:
        yield
    finally:
        _off.reset(token)
