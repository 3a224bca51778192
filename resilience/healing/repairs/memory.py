"""Memory that is held and not used."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Unpack

from resilience.core.checks import number
from resilience.healing.actions import ActionOptions
from resilience.healing.named import over
from resilience.healing.repairs.caches import clearing
from resilience.healing.watch import WatchfulAction
from resilience.telemetry.host import Host

WORTH = 0.05
"""The share of memory that a run has to give back, else it has changed nothing."""


class MemoryLimit:
    """A limit to memory, and whether it is passed.

    Args:
        setting: what errors call it.
        limit: bytes of this process if above 1; else the share, above 0 to 1, of the container's
            or machine's memory that all in it use together.
        host: reads both.

    Raises:
        ConfigurationError: the limit is refused.
    """

    def __init__(self, setting: str, limit: float, host: Host) -> None:
        self._limit = number(setting, limit, above=0.0)
        self._host = host

    def passed(self) -> str | None:
        """Return in words how the limit is passed; None: it is not, or nobody can tell."""
        if self._limit <= 1.0:
            share = self._host.memory_share()
            if share is None or share <= self._limit:
                return None
            return f"{share:.0%} of all memory is in use, over {self._limit:.0%}"
        rss = self._host.rss()
        if rss is None or rss <= self._limit:
            return None
        return f"{_megabytes(rss)} in use, over {_megabytes(self._limit)}"


class FreeMemory(WatchfulAction):
    """Collects garbage, and gives freed memory back to the system.

    Python's collector looks at old objects rarely, and glibc keeps what it freed: 242 MB became
    21 MB in 18 ms. It runs in a background thread; other threads wait for the collection.

    Args:
        component: what it recovers.
        host: reads the memory; `system.host`.
        soft_limit: see `MemoryLimit`.
        drop: caches to clear before, each with a method `clear` or `cache_clear`.
        options: those of `Action`. Once a minute; off after two runs that gave back less than
            5 %.
    """

    def __init__(
        self,
        component: str,
        host: Host,
        *,
        soft_limit: float = 0.8,
        drop: Iterable[Any] = (),
        **options: Unpack[ActionOptions],
    ) -> None:
        self._host = host
        self._limit = MemoryLimit("FreeMemory: soft_limit", soft_limit, host)
        self._drop = [clearing(each) for each in drop]
        super().__init__(component, **over(options, cool_down=60.0, limit=60, period=3600.0))

    def due(self) -> str | None:
        """Return how the soft limit is passed."""
        return self._limit.passed()

    def act(self) -> None:
        """Clear the caches, collect, and give back."""
        for clear in self._drop:
            clear()
        gc.collect()
        with suppress(AttributeError, OSError):  # only glibc has it
            ctypes.CDLL(None).malloc_trim(0)

    def measure(self) -> int | None:
        """Return the bytes of this process that are in memory."""
        return self._host.rss()

    def changed(self, before: Any, after: Any) -> bool | None:
        """Tell whether at least 5 % came back."""
        if before is None or after is None:
            return None
        return bool(after <= before * (1.0 - WORTH))


def _megabytes(size: float) -> str:
    return f"{size / 2**20:.0f} MB"
