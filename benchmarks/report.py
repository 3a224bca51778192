"""The figures as tables, the targets they are held to, and both as JSON."""

import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.calls import CLOSURE, FIVE_LAYERS, OURS, THREADS, WINDOW_CALLS, Group
from benchmarks.features import ASKED, ON
from benchmarks.footprint import IDLE, IMPORT, USED, Measure
from benchmarks.requests import WITH
from benchmarks.rounds import Timing

_NAME = 52
_DIGITS = {"x": 2, "B": 0, "ms": 1}


@dataclass(slots=True)
class Run:
    """Everything one run found.

    `timings` are `dict[group, (group, timings)]`, `measures` `dict[title, measures]`, `left_out`
    `dict[peer, why]`, `versions` `dict[peer, version]`.
    """

    rounds: int
    seed: int
    timings: dict[str, tuple[Group, list[Timing]]] = field(default_factory=dict)
    measures: dict[str, list[Measure]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def timing(self, group: str, name: str) -> Timing | None:
        """Return the timing of `name` in `group`, or None if it was not taken."""
        _, timings = self.timings.get(group, (None, []))
        return next((timing for timing in timings if timing.name == name), None)

    def measure(self, name: str) -> float | None:
        """Return the measure whose name begins with `name`, or None if it was not taken."""
        every = [each for measures in self.measures.values() for each in measures]
        return next((each.value for each in every if each.name.startswith(name)), None)


@dataclass(frozen=True, slots=True)
class Target:
    """A limit that a figure may reach and not pass; the figure is None where not measured."""

    text: str
    limit: float
    unit: str
    figure: Callable[[Run], float | None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a target turned out."""

    target: Target
    value: float | None

    @property
    def word(self) -> str:
        """Return "met", "MISSED" or "not measured"."""
        if self.value is None:
            return "not measured"
        return "met" if self.value <= self.target.limit else "MISSED"


def ratio(group: str, name: str, over: str) -> Callable[[Run], float | None]:
    """Return what reads the ratio of two subjects of `group` out of a run."""

    def figure(run: Run) -> float | None:
        mine, theirs = run.timing(group, name), run.timing(group, over)
        return mine.over(theirs) if mine and theirs else None

    return figure


def over_best_peer(group: str) -> Callable[[Run], float | None]:
    """Return what reads the ratio of ours to the fastest peer of `group` out of a run."""

    def figure(run: Run) -> float | None:
        mine = run.timing(group, OURS)
        found = (run.timing(group, peer) for peer in run.versions)
        peers = [timing for timing in found if timing]
        return mine.over(min(peers, key=lambda peer: peer.median)) if mine and peers else None

    return figure


def measured(name: str) -> Callable[[Run], float | None]:
    """Return what reads a measure out of a run."""
    return lambda run: run.measure(name)


_SMALL, *_, _LARGE = (f"last {calls:,} calls" for calls in WINDOW_CALLS)
_FAILS = ", 1 in 3 fails"

TARGETS = (
    Target("sync / try-except closure", 3.0, "x", ratio("sync", OURS, CLOSURE)),
    Target("sync / circuitbreaker", 0.55, "x", ratio("sync", OURS, "circuitbreaker")),
    Target("async / async closure", 1.9, "x", ratio("async", OURS, CLOSURE)),
    Target("method / closure as a method", 2.7, "x", ratio("method", OURS, CLOSURE)),
    Target("rejection while open / best peer", 1.0, "x", over_best_peer("rejection")),
    # "Does not grow": a tenth is what two equal subjects may differ by on a busy machine.
    Target(f"success, {_LARGE} / {_SMALL}", 1.1, "x", ratio("window", _LARGE, _SMALL)),
    Target(
        f"with failures, {_LARGE} / {_SMALL}",
        1.1,
        "x",
        ratio("window", _LARGE + _FAILS, _SMALL + _FAILS),
    ),
    Target("five layers / circuit", 3.0, "x", ratio("layers", FIVE_LAYERS, OURS)),
    Target("heal / circuit", 1.3, "x", ratio("heal", "heal", OURS)),
    Target("heal / circuit, async", 1.3, "x", ratio("heal-async", "heal", OURS)),
    Target("heal + circuit / circuit", 1.3, "x", ratio("heal", "heal + circuit", OURS)),
    Target(
        f"{THREADS} threads / circuitbreaker", 1.0, "x", ratio("threads", OURS, "circuitbreaker")
    ),
    Target("retry, first-time success / best peer", 1.0, "x", over_best_peer("retry")),
    Target("async retry, first-time success / best peer", 1.0, "x", over_best_peer("retry-async")),
    Target("feature that is on / try-except closure", 1.5, "x", ratio("feature", ON, CLOSURE)),
    Target("the same, async", 1.5, "x", ratio("feature-async", ON, CLOSURE)),
    Target("asking for one / try-except closure", 1.5, "x", ratio("feature-asked", ASKED, CLOSURE)),
    Target("request, Starlette with ours / bare", 1.25, "x", ratio("starlette", WITH, "Starlette")),
    Target("request, FastAPI with ours / bare", 1.25, "x", ratio("fastapi", WITH, "FastAPI")),
    Target("request, Flask with ours / bare", 1.05, "x", ratio("flask", WITH, "Flask")),
    Target("request, Django with ours / bare", 1.05, "x", ratio("django", WITH, "Django")),
    Target("idle circuit with its function", 3072, "B", measured(IDLE)),
    Target("the same after 20 calls", 3072, "B", measured(USED)),
    Target("import over wrapt and blinker", 25, "ms", measured(IMPORT)),
)


def verdicts(run: Run, targets: Sequence[Target] = TARGETS) -> list[Verdict]:
    """Hold `run` to `targets`."""
    return [Verdict(target, target.figure(run)) for target in targets]


def as_text(run: Run) -> str:
    """Return the run as tables for people."""
    parts: list[str] = [_heading(run)]
    parts += [_timing_table(group, timings) for group, timings in run.timings.values()]
    parts += [_measure_table(title, measures) for title, measures in run.measures.items()]
    parts.append(_target_table(verdicts(run)))
    return "\n\n".join(parts)


def _heading(run: Run) -> str:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    rounds = f"{run.rounds} interleaved rounds, seed {run.seed}"
    lines = [f"{python}; {rounds}; medians, net of the loop. Trust the ratios."]
    if run.versions:
        lines.append("Peers: " + ", ".join(f"{name} {at}" for name, at in run.versions.items()))
    lines += [f"Left out: {name}: {why}" for name, why in run.left_out.items()]
    return "\n".join(lines)


def _timing_table(group: Group, timings: Sequence[Timing]) -> str:
    base = next(timing for timing in timings if timing.name == group.baseline)
    lines = [f"{group.title:<{_NAME}}{'ns':>9}{'quartiles':>16}{'ratio':>8}"]
    for timing in timings:
        name, over = f"  {timing.name}", timing.over(base)
        spread = "-".join(f"{quartile:.0f}" for quartile in timing.quartiles)
        lines.append(f"{name:<{_NAME}}{timing.median:>9.0f}{spread:>16}{over:>8.2f}")
    return "\n".join(lines)


def _measure_table(title: str, measures: Iterable[Measure]) -> str:
    lines = [f"{title:<{_NAME}}"]
    for measure in measures:
        digits = _DIGITS[measure.unit]
        lines.append(f"  {measure.name:<{_NAME - 2}}{measure.value:>9.{digits}f} {measure.unit}")
    return "\n".join(lines)


def _target_table(found: Sequence[Verdict]) -> str:
    lines = [f"{'Target':<{_NAME}}{'at most':>9}{'figure':>10}"]
    for verdict in found:
        target, digits = verdict.target, _DIGITS[verdict.target.unit]
        figure = "-" if verdict.value is None else f"{verdict.value:.{digits}f}"
        limit = f"{target.limit:.{digits}f}"
        lines.append(
            f"  {target.text:<{_NAME - 2}}{limit:>9}{figure:>10} {target.unit:<3} {verdict.word}"
        )
    return "\n".join(lines)


def as_json(run: Run) -> dict[str, Any]:
    """Return the run as plain values: times in ns per call, ratios over the group's baseline."""
    return {
        "python": sys.version.split()[0],
        "rounds": run.rounds,
        "seed": run.seed,
        "peers": run.versions,
        "left_out": run.left_out,
        "groups": {key: _group(*found) for key, found in run.timings.items()},
        "measures": {
            title: [{"name": m.name, "value": m.value, "unit": m.unit} for m in measures]
            for title, measures in run.measures.items()
        },
        "targets": [
            {
                "target": verdict.target.text,
                "limit": verdict.target.limit,
                "unit": verdict.target.unit,
                "figure": verdict.value,
                "verdict": verdict.word,
            }
            for verdict in verdicts(run)
        ],
    }


def _group(group: Group, timings: Sequence[Timing]) -> dict[str, Any]:
    base = next(timing for timing in timings if timing.name == group.baseline)
    return {
        "title": group.title,
        "baseline": group.baseline,
        "subjects": [
            {
                "name": timing.name,
                "median_ns": timing.median,
                "quartiles_ns": timing.quartiles,
                "ratio": timing.over(base),
            }
            for timing in timings
        ],
    }
