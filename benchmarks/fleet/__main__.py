"""Measure what it takes that workers agree: `python -m benchmarks.fleet [--json] [--quick]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from typing import Any, NamedTuple

from benchmarks.fleet.measures import Extent, Found, measure
from benchmarks.fleet.sharing import OURS, TRIALS, WAYS
from tests.servers.redis import MISSING, RedisServer, running_redis

ALONE = "ours, alone"
NOISE = 100.0  # ns that two circuits may differ by when they cost the same


class Target(NamedTuple):
    """What ours is held to: its name, the limit, its unit, and where the figure is found."""

    name: str
    limit: float
    unit: str
    figure: Callable[[dict[str, Found]], float]


def _opened(found: dict[str, Found]) -> float:
    seconds = found[OURS].opened_median
    return float("inf") if seconds is None else seconds * 1000


def _agreed(found: dict[str, Found]) -> float:
    seconds = found[OURS].agreed
    return float("inf") if seconds is None else seconds * 1000


TARGETS = (
    Target("added to a healthy call", NOISE, "ns", lambda f: f[OURS].call - f[ALONE].call),
    Target("all open, median", 50, "ms", _opened),
    Target("calls leaked, median", 30, "", lambda f: f[OURS].leaked_median),
    Target("trials in a round, most", TRIALS, "", lambda f: max(f[OURS].trials, default=0)),
    Target("innocents refused", 0, "%", lambda f: f[OURS].innocents * 100),
    Target("calls failed while Redis was gone", 0, "", lambda f: f[OURS].failed or 0),
    Target("agreed after it", 300, "ms", _agreed),
    Target("commands of an idle worker", 2, "/s", lambda f: f[OURS].commands or 0),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a table or JSON; progress goes to standard error."""
    options = _parse(arguments)
    if not RedisServer.is_installed():
        print(MISSING, file=sys.stderr)
        return 1
    quick = Extent(bursts=2, calls=500, idle=2.0)
    extent = replace(quick if options.quick else Extent(), workers=options.workers)
    ways = [each for each in options.only or WAYS if _is_here(each)]
    with running_redis() as redis:
        found = {way: measure(way, redis, extent, _say) for way in ways}
    held = [(each, each.figure(found)) for each in TARGETS] if {OURS, ALONE} <= set(ways) else []
    if options.json:
        print(json.dumps(as_json(found, held), indent=2))
    else:
        print("\n".join([*as_table(found), "", *as_verdicts(held)]))
    return 0


def as_json(
    found: dict[str, Found], held: Sequence[tuple[Target, float]]
) -> dict[str, list[dict[str, Any]]]:
    """Return all figures, and the targets with what was found; times are in seconds and ns."""
    return {
        "ways": [{"way": way, **asdict(each)} for way, each in found.items()],
        "targets": [
            {"name": each.name, "limit": each.limit, "unit": each.unit, "found": figure,
             "met": figure <= each.limit}
            for each, figure in held
        ],
    }  # fmt: skip


def as_table(found: dict[str, Found]) -> list[str]:
    """Return a table in Markdown."""
    head = ("how state is shared", "healthy call", "all open after", "leaked", "trials per round",
            "innocents refused", "failed, Redis gone", "slowest call then", "agreed after it",
            "commands of an idle worker")  # fmt: skip
    rows = [head, ("---",) * len(head), *(_row(way, each) for way, each in found.items())]
    return [f"| {' | '.join(row)} |" for row in rows]


def _row(way: str, found: Found) -> tuple[str, ...]:
    trials = "never" if not found.trials else f"{min(found.trials)}-{max(found.trials)}"
    first = (
        way, f"{found.call / 1000:.1f} µs", _ms(found.opened_median), f"{found.leaked_median:g}",
        trials, f"{found.innocents:.1%}",
    )  # fmt: skip
    if found.failed is None:  # it needs no Redis
        return (*first, "", "", "", "")
    idle = f"{found.commands:.1f}/s"
    return (*first, str(found.failed), _ms(found.slowest), _ms(found.agreed), idle)


def as_verdicts(held: Sequence[tuple[Target, float]]) -> list[str]:
    """Return a line for each target."""
    return [
        f"{each.name}: {figure:.4g} {each.unit} (at most {each.limit:g}: "
        f"{'met' if figure <= each.limit else 'MISSED'})"
        for each, figure in held
    ]


def _ms(seconds: float | None) -> str:
    return "not all did" if seconds is None else f"{seconds * 1000:.1f} ms"


def _is_here(way: str) -> bool:
    module = way.partition(",")[0]
    if module == "ours" or find_spec(module):
        return True
    print(f"{way} is left out: not installed", file=sys.stderr)
    return False


def _say(what: str) -> None:
    print(f"{what} …", file=sys.stderr, flush=True)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 bursts instead of 10")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--workers", type=int, default=8, help="processes of each way, >= 2")
    parser.add_argument("--only", action="append", choices=list(WAYS), help="one of the ways")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
