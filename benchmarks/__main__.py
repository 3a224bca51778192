"""Run the benchmarks: `python -m benchmarks [--quick] [--json] [--only sync,import]`."""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks import footprint, loops
from benchmarks.calls import GROUPS, Group
from benchmarks.experiments import EXPERIMENT_GROUPS
from benchmarks.features import FEATURE_GROUPS
from benchmarks.footprint import Measure
from benchmarks.peers import Peer, installed_version, load_peers
from benchmarks.report import Run, as_json, as_text
from benchmarks.requests import REQUEST_GROUPS
from benchmarks.retries import RETRY_GROUPS, load_retriers
from benchmarks.rounds import time_rounds

ROUNDS, QUICK_ROUNDS = 21, 5
IMPORTS, QUICK_IMPORTS = 21, 11
MEASURES = ("memory", "import")
_OWN_GROUPS = GROUPS | FEATURE_GROUPS | EXPERIMENT_GROUPS | REQUEST_GROUPS


def main(arguments: Sequence[str] | None = None) -> int:
    """Time what was asked for and print it; progress goes to standard error."""
    options = _parse(arguments)
    # A peer's own log lines about opening circuits would drown the tables.
    logging.disable(logging.CRITICAL)
    run = measure(options.only, quick=options.quick, seed=options.seed)
    print(json.dumps(as_json(run), indent=2) if options.json else as_text(run))
    return 0


def measure(only: Sequence[str], *, quick: bool, seed: int) -> Run:
    """Take the figures named in `only`, in fewer rounds if `quick`."""
    run = Run(QUICK_ROUNDS if quick else ROUNDS, seed)
    peers, no_peers = load_peers()
    retriers, no_retriers = load_retriers()
    run.left_out = no_peers | no_retriers
    names = [peer.name for peer in peers] + [retrier.name for retrier in retriers]
    run.versions = {name: installed_version(name) for name in names}
    groups: dict[str, Callable[[], Group]] = {
        **{key: partial(make, peers) for key, make in _OWN_GROUPS.items()},
        **{key: partial(make, retriers) for key, make in RETRY_GROUPS.items()},
    }
    for key in only:
        _say(key)
        if key in groups:
            _time(run, key, groups[key]())
        else:
            title, take = _measures(peers, QUICK_IMPORTS if quick else IMPORTS)[key]
            run.measures[title] = take()
    return run


def _time(run: Run, key: str, group: Group) -> None:
    timings = time_rounds(
        group.subjects,
        loops.empty(),
        rounds=run.rounds,
        passes=group.passes,
        pass_ns=group.pass_ns,
        seed=run.seed,
    )
    run.timings[key] = (group, timings)


def _measures(
    peers: Sequence[Peer], imports: int
) -> dict[str, tuple[str, Callable[[], list[Measure]]]]:
    return {
        "memory": ("A circuit and its function", lambda: footprint.memory(peers)),
        "import": (f"Imports, {imports} interpreters", lambda: footprint.imports(imports)),
    }


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--seed", type=int, default=1, help="of the order within rounds")
    every = (*_OWN_GROUPS, *RETRY_GROUPS, *MEASURES)
    parser.add_argument(
        "--only",
        type=lambda text: _chosen(text, every),
        default=every,
        metavar="NAME,…",
        help=f"some of: {', '.join(every)}",
    )
    return parser.parse_args(arguments)


def _chosen(text: str, every: Sequence[str]) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in every]
    if unknown or not names:
        raise argparse.ArgumentTypeError(
            f"unknown: {', '.join(unknown) or text!r}; there are {', '.join(every)}"
        )
    return names


def _say(key: str) -> None:
    if sys.stderr.isatty():
        print(f"measuring {key} …", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
