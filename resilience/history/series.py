"""Calls over time, in as many columns as a chart has room for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Any

COLUMNS = 120
"""Columns of a chart."""


@dataclass(slots=True)
class Column:
    """What calls came to in one column's time.

    Args:
        at: wall-clock seconds of its beginning.
        calls, failures, rejected: how many were made, failed, and were refused.
    """

    at: float
    calls: float = 0.0
    failures: float = 0.0
    rejected: float = 0.0


def columns(
    rows: Iterable[dict[str, Any]], since: float, until: float, most: int = COLUMNS
) -> list[Column]:
    """Return calls over a stretch of time; what was counted over minutes is spread over them.

    Args:
        rows: counts of calls: `at` is the end of the `span` seconds that they were counted in.
        since: wall-clock seconds.
        until: the same.
        most: columns, >= 1; none is narrower than a second.
    """
    width = float(max(1, ceil((until - since) / most)))
    found = [
        Column(since + index * width) for index in range(max(1, ceil((until - since) / width)))
    ]
    for row in rows:
        for column in _touched(found, row, width):
            share = _overlap(column, row, width) / row["span"]
            column.calls += row["calls"] * share
            column.failures += row["failures"] * share
            column.rejected += row["rejected"] * share
    return found


def _touched(found: list[Column], row: dict[str, Any], width: float) -> list[Column]:
    first = int((row["at"] - row["span"] - found[0].at) // width)
    last = int((row["at"] - found[0].at) // width)
    return found[max(0, first) : max(0, last + 1)]


def _overlap(column: Column, row: dict[str, Any], width: float) -> float:
    """Return the seconds of a row that are in a column's time."""
    end = float(row["at"])
    shared = min(column.at + width, end) - max(column.at, end - float(row["span"]))
    return max(0.0, shared)
