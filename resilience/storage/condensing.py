"""Counts of calls, condensed as they age: seconds to minutes, minutes to hours.

A busy circuit has 86,400 rows a day; nobody looks at a quiet second of last week. Seconds in which
calls failed or were refused stay as they are for a week: reports and replays are made from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

CALLS = "calls"
TABLE = "component_health_summary"
COUNTS = ("calls", "failures", "slow_calls", "rejected")
QUIET_SHARE = 10
"""A row is quiet if no call was refused, and at most one in so many failed or was slow."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of counts of a certain age.

    Args:
        age: seconds, from which on it counts.
        span: seconds that a row covers then.
        quiet: only rows in which next to nothing went wrong.
    """

    age: float
    span: float
    quiet: bool


RULES = (
    Rule(3600.0, 60.0, quiet=True),
    Rule(6 * 3600.0, 3600.0, quiet=True),
    Rule(7 * 86_400.0, 60.0, quiet=False),
)


def condensed(rows: Iterable[Mapping[str, Any]], span: float) -> list[dict[str, Any]]:
    """Return rows with the same counts, each over `span` seconds.

    Args:
        rows: counts of calls, in any order.
        span: seconds, > 0; `at` is a whole multiple of it then, at the end of the counted time.
    """
    found: dict[tuple[str, str, float], dict[str, Any]] = {}
    for row in rows:
        end = (row["at"] // span + 1) * span
        key = (row["worker"], row["component"], end)
        into = found.get(key)
        if into is None:
            into = found[key] = {
                "at": end, "span": span, "worker": row["worker"], "component": row["component"],
                "kind": CALLS, **dict.fromkeys(COUNTS, 0),
            }  # fmt: skip
        for name in COUNTS:
            into[name] += row[name]
    return list(found.values())
