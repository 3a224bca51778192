"""Calls over time, in as many columns as a chart has room for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
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
    width = max(1.0, (until - since) / most)
    count = max(1, min(most, int((until - since) / width + 0.999)))
    found = [Column(since + index * width) for index in range(count)]
    for row in rows:
        begin = row["at"] - row["span"]
        if row["at"] <= since or begin >= until:
            continue
        first = int((max(begin, since) - since) / width)
        last = int((min(row["at"] - 1e-6, until) - since) / width)
        touched = found[first : max(first, last) + 1] or found[-1:]
        share = 1 / len(touched)
        for column in touched:
            column.calls += row["calls"] * share
            column.failures += row["failures"] * share
            column.rejected += row["rejected"] * share
    return found
