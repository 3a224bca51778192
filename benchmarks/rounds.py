"""Interleaved rounds: each subject is timed in every round, in a shuffled order."""

import gc
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from statistics import median, quantiles

from benchmarks.loops import Loop

_FIRST_CALLS = 64
_MAX_CALLS = 1_000_000


@dataclass(frozen=True, slots=True)
class Subject:
    """One way to make the call: a name for the table and the loop that times it."""

    name: str
    loop: Loop


@dataclass(frozen=True, slots=True)
class Timing:
    """A subject's samples: ns per call net of the loop, one per round, in round order."""

    name: str
    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """Return the median of the rounds, in ns per call."""
        return median(self.samples)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Return the lower and the upper quartile, in ns per call."""
        if len(self.samples) < 2:
            return self.median, self.median
        lower, _, upper = quantiles(self.samples, n=4, method="inclusive")
        return lower, upper

    def over(self, other: "Timing") -> float:
        """Return how many times `other`'s cost this is: the median of the rounds' own ratios.

        Paired by round, so that a machine that slows down for a while slows both sides.
        """
        pairs = zip(self.samples, other.samples, strict=True)
        return median(mine / max(theirs, 0.1) for mine, theirs in pairs)


def time_rounds(
    subjects: Sequence[Subject],
    empty: Loop,
    *,
    rounds: int,
    passes: int,
    pass_ns: int,
    seed: int,
) -> list[Timing]:
    """Time every subject in each of `rounds` rounds.

    A round's sample is the best of its passes: what interrupts a pass only ever adds to it. A
    pass has to be shorter than a slice of the system's scheduler; of longer ones, beside another
    busy process, none is whole.

    Args:
        subjects: what to time; the order of the answer.
        empty: the same loop around nothing; its cost per turn is taken off every sample.
        rounds: how many, ≥ 1.
        passes: how often, ≥ 1, each round goes over all subjects.
        pass_ns: aimed length in ns of one pass of one subject.
        seed: of the order within the passes.

    Returns:
        One `Timing` per subject, as many samples as rounds.
    """
    shuffler = random.Random(seed)
    everything = [(empty, calls_within(pass_ns, empty))]
    everything += [(subject.loop, calls_within(pass_ns, subject.loop)) for subject in subjects]
    with _collector_paused():
        found = [_round(everything, passes, shuffler) for _ in range(rounds)]
    return [
        Timing(subject.name, tuple(best[index] - best[0] for best in found))
        for index, subject in enumerate(subjects, start=1)
    ]


def _round(
    everything: Sequence[tuple[Loop, int]], passes: int, shuffler: random.Random
) -> list[float]:
    """Return each loop's ns per call, the best of `passes` passes in shuffled order."""
    best = [inf] * len(everything)
    for _ in range(passes):
        for index in _shuffled(len(everything), shuffler):
            loop, calls = everything[index]
            best[index] = min(best[index], loop(calls) / calls)
    gc.collect()
    return best


def calls_within(pass_ns: int, loop: Loop) -> int:
    """Return how many calls of `loop` fill about `pass_ns` ns; warms the subject up."""
    calls = _FIRST_CALLS
    while (elapsed := max(loop(calls), 1)) < pass_ns // 4 and calls < _MAX_CALLS:
        calls *= 4
    return max(_FIRST_CALLS, min(_MAX_CALLS, calls * pass_ns // elapsed))


def _shuffled(count: int, shuffler: random.Random) -> list[int]:
    order = list(range(count))
    shuffler.shuffle(order)
    return order


@contextmanager
def _collector_paused(collect: Callable[[], int] = gc.collect) -> Iterator[None]:
    """Keep the cyclic collector out of the samples; a run would fall on a random subject."""
    enabled = gc.isenabled()
    collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
