"""Where numbers are going, whatever a few of them say."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.health.trend import Trend, latency_trend, slope, trend_of

LEAST = 5.0


def line(pace: float, count: int = 20, start: float = 50.0) -> list[tuple[float, float]]:
    """Return samples, one every 5 s, that change by `pace` a second."""
    return [(5.0 * index, start + pace * 5.0 * index) for index in range(count)]


@pytest.mark.parametrize(
    ("pace", "trend"),
    [
        (0.1, Trend.IMPROVING),
        (-0.1, Trend.DEGRADING),
        (0.0, Trend.STABLE),
        (0.05, Trend.STABLE),
        (-0.05, Trend.STABLE),
    ],
)
def test_a_line_goes_where_it_goes(pace: float, trend: Trend) -> None:
    """A change of less than five points over all samples is none."""
    assert trend == trend_of(line(pace), LEAST)


def test_below_ten_samples_nobody_knows() -> None:
    """Ten are enough."""
    assert trend_of(line(-1.0, count=9), LEAST) is None
    assert trend_of(line(-1.0, count=10), LEAST) is Trend.DEGRADING


def test_samples_of_one_moment_have_no_trend() -> None:
    """There is no slope without time."""
    assert slope([(1.0, 5.0), (1.0, 9.0)]) is None
    assert trend_of([(1.0, float(each)) for each in range(20)], LEAST) is None


@given(
    pace=st.floats(-2.0, 2.0),
    start=st.floats(-100.0, 100.0),
    count=st.integers(2, 20),
)
def test_the_slope_of_a_line_is_its_own(pace: float, start: float, count: int) -> None:
    """Exactly, as far as floats go."""
    assert slope(line(pace, count, start)) == pytest.approx(pace, abs=1e-6)


@given(seed=st.integers(0, 10_000), pace=st.sampled_from([-0.5, 0.5]))
def test_a_quarter_of_wild_samples_changes_nothing(seed: int, pace: float) -> None:
    """Least squares would follow them anywhere."""
    chance = random.Random(seed)
    samples = line(pace)
    for index in chance.sample(range(20), 5):
        samples[index] = (samples[index][0], chance.uniform(-10_000, 10_000))

    trend = trend_of(samples, LEAST)

    assert trend is (Trend.IMPROVING if pace > 0 else Trend.DEGRADING)


def test_growing_latency_degrades() -> None:
    """By half of the usual and more; shorter ones improve; a millisecond is none."""
    slower = [(5.0 * index, 0.010 + 0.001 * index) for index in range(20)]
    faster = [(at, 0.040 - latency) for at, latency in slower]
    tiny = [(at, latency / 1000) for at, latency in slower]

    assert latency_trend(slower) is Trend.DEGRADING
    assert latency_trend(faster) is Trend.IMPROVING
    assert latency_trend(tiny) is Trend.STABLE
    assert latency_trend(slower[:9]) is None
    assert latency_trend([(at, 0.02) for at, _ in slower]) is Trend.STABLE
