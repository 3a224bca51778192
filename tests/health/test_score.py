"""Numbers for how well things are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.health.results import Status
from resilience.health.score import WEIGHTS, Level, Part, Thresholds, circuits_score, system_score

PASS, WARN, FAIL = Status.PASS, Status.WARN, Status.FAIL
THRESHOLDS = Thresholds()


@pytest.mark.parametrize(
    ("score", "level"),
    [
        (None, Level.OK),
        (100.0, Level.OK),
        (95.0, Level.OK),
        (94.9, Level.WARNING),
        (80.0, Level.WARNING),
        (79.9, Level.CRITICAL),
        (50.0, Level.CRITICAL),
        (49.9, Level.FATAL),
        (0.0, Level.FATAL),
    ],
)
def test_a_threshold_is_crossed_below_it(score: float | None, level: Level) -> None:
    """At the threshold all is well still."""
    assert level == THRESHOLDS.level(score)


def test_nothing_known_is_a_hundred() -> None:
    """Nothing is known to be wrong."""
    assert system_score([], THRESHOLDS) == 100.0
    assert system_score([Part(None, Status.UNKNOWN, "critical")], THRESHOLDS) == 100.0


def test_what_matters_more_weighs_more() -> None:
    """High counts four times as much as low."""
    parts = [Part(100.0, PASS, "high"), Part(0.0, FAIL, "low")]

    assert system_score(parts, THRESHOLDS) == 80.0


def test_a_critical_component_caps_the_whole() -> None:
    """Eleven others do not make up for it."""
    others = [Part(100.0, PASS, "high")] * 11

    assert system_score([Part(70.0, PASS, "critical"), *others], THRESHOLDS) == 70.0
    assert system_score([Part(70.0, FAIL, "critical"), *others], THRESHOLDS) == 25.0
    assert system_score([Part(10.0, FAIL, "critical"), *others], THRESHOLDS) == 10.0
    assert system_score([Part(10.0, FAIL, "high"), *others], THRESHOLDS) > 90.0


parts = st.builds(
    Part,
    score=st.none() | st.floats(0, 100),
    status=st.sampled_from(list(Status)),
    criticality=st.sampled_from(list(WEIGHTS)),
)


@given(st.lists(parts, max_size=12))
def test_a_score_is_within_its_range(given_parts: list[Part]) -> None:
    """Always 0-100, and no better than any critical component."""
    score = system_score(given_parts, THRESHOLDS)

    assert 0.0 <= score <= 100.0
    for part in given_parts:
        if part.criticality == "critical" and part.score is not None:
            assert score <= part.score + 1e-9


@given(st.lists(parts, min_size=1, max_size=12), st.integers(0, 11), st.floats(0, 100))
def test_a_worse_component_never_helps(given_parts: list[Part], index: int, worse: float) -> None:
    """The score is monotone in each part."""
    changed = list(given_parts)
    part = changed[index % len(changed)]
    if part.score is None:
        return
    changed[index % len(changed)] = part._replace(score=min(worse, part.score))

    assert system_score(changed, THRESHOLDS) <= system_score(given_parts, THRESHOLDS) + 1e-9


def test_circuits_that_refuse_are_a_warning() -> None:
    """And never more: they have fallbacks."""
    assert circuits_score(0, 0) is None
    assert circuits_score(4, 0) == 100.0
    assert circuits_score(4, 1) == 95.0
    assert circuits_score(4, 4) == 80.0
    assert THRESHOLDS.level(circuits_score(4, 4)) is Level.WARNING
