"""What rules look at: numbers that something measures, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf, isfinite
from typing import Any

from resilience.core.checks import plain, text
from resilience.core.names import did_you_mean
from resilience.errors import ConfigurationError

RANGES: dict[str, tuple[float, float]] = {
    "health_score": (0.0, 100.0),
    "error_rate": (0.0, 1.0),
    "latency_p95": (0.0, inf),
    "open_circuits": (0.0, inf),
    "cpu": (0.0, 1.0),
    "memory": (0.0, 1.0),
    "loop_lag": (0.0, inf),
}
"""The metrics that every system has, and between what they are: scores 0-100, shares 0-1, seconds
and counts."""

BUILT_IN = tuple(RANGES)

Read = Callable[[], float | None]
ReadOf = Callable[[str], float | None]
Measures = Mapping[str, tuple[Read, ReadOf | None]]
"""`{metric: (how to read it, how to read it of one part, or None)}`"""


class Metrics:
    """The numbers by name. `name:part` is the same number of one part: a route, a circuit.

    Args:
        measures: those that are there from the start.
    """

    def __init__(self, measures: Measures) -> None:
        self._read: dict[str, Read] = {}
        self._read_of: dict[str, ReadOf] = {}
        for name, (read, of) in measures.items():
            self.add(name, read, of)

    @property
    def names(self) -> list[str]:
        """All names that rules may use."""
        return sorted({*BUILT_IN, *self._read})

    def add(self, name: str, read: Read, of: ReadOf | None = None) -> None:
        """Measure `name` by `read()`, and its parts by `of(part)`.

        Raises:
            ConfigurationError: no such name can be, or there is nothing that could be called.
        """
        if ":" in text("metric name", name):
            raise ConfigurationError(f"metric name={name!r}: give a name without ':'")
        read = plain(f"metric {name!r}", read, 0)
        if of is not None:
            self._read_of[name] = plain(f"metric {name!r} of a part", of, 1)
        self._read[name] = read

    def check(self, name: str) -> None:
        """Refuse a name that nothing measures.

        Raises:
            ConfigurationError: says which there are.
        """
        whole, separator, part = name.partition(":")
        if name in self._read or (name in BUILT_IN and not separator):
            return
        if whole not in self.names:
            raise ConfigurationError(
                f"unknown metric {name!r}{did_you_mean(whole, self.names)}; "
                f"register others first, by system.degradation.metric(name, fn)"
            )
        if whole in self._read and whole not in self._read_of:
            raise ConfigurationError(f"metric {name!r}: {whole!r} is not measured by part")
        text(f"metric {name!r}: the part after ':'", part)

    @staticmethod
    def may_wait(name: str) -> bool:
        """Tell whether reading it may take its time: what others than the system measure."""
        return name.partition(":")[0] not in BUILT_IN

    def read(self, name: str) -> float | None:
        """Return the number now; None while there is nothing to say, as without any calls.

        Raises:
            Exception: it cannot be measured.
        """
        whole, separator, part = name.partition(":")
        if name in self._read:
            return _finite(self._read[name]())
        if separator and whole in self._read_of:
            return _finite(self._read_of[whole](part))
        raise LookupError(f"nothing measures {name!r} here")


def _finite(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and isfinite(value):
        return float(value)
    raise TypeError(f"it gave {value!r}, which is no finite number")
