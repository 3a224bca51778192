"""The tables of features: what is timed is what it is called."""

import pytest

from benchmarks.calls import CLOSURE
from benchmarks.experiments import EXPERIMENT_GROUPS, NEVER
from benchmarks.features import FEATURE_GROUPS
from benchmarks.report import Run, verdicts
from benchmarks.rounds import Timing


@pytest.mark.parametrize("key", FEATURE_GROUPS)
def test_every_subject_can_be_timed(key: str) -> None:
    """And is compared with the closure."""
    group = FEATURE_GROUPS[key]([])

    assert group.baseline == CLOSURE
    assert all(subject.loop(3) > 0 for subject in group.subjects)


def test_experiments_are_timed_against_a_call_without() -> None:
    """Three guarded calls, of which one is hit."""
    group = EXPERIMENT_GROUPS["chaos"]([])

    assert group.baseline == NEVER
    assert [subject.loop(3) > 0 for subject in group.subjects] == [True] * 3


def test_the_targets_read_what_the_tables_have() -> None:
    """Each of the three ratios over the closure is held to 1.5."""
    run = Run(rounds=1, seed=1)
    for key, make in FEATURE_GROUPS.items():
        group = make([])
        timings = [
            Timing(subject.name, (100.0 if subject.name == CLOSURE else 80.0,))
            for subject in group.subjects
        ]
        run.timings[key] = (group, timings)

    found = [each for each in verdicts(run) if each.value is not None]
    assert [(each.value, each.target.limit) for each in found] == [(0.8, 1.5)] * 3
