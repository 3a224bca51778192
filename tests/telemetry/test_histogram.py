"""The sliding histogram beside one that remembers every duration."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.telemetry.histogram import ERROR, LONGEST, SHORTEST, Durations, Histogram, covered

SPAN = 10.0  # so that a slice is a second

recorded = st.lists(
    st.tuples(
        st.integers(0, 3_000).map(lambda ms: ms / 1000),  # seconds between two
        st.floats(SHORTEST, 100.0),
        st.booleans(),
    ),
    min_size=1,
    max_size=60,
)


def _seen(entries: list[tuple[float, float, bool]]) -> tuple[float, list[tuple[float, bool]]]:
    """Return the time of the last entry, and what the ten slices up to then hold."""
    now, timed = 0.0, []
    for gap, seconds, failed in entries:
        now += gap
        timed.append((now, seconds, failed))
    return now, [(took, failed) for at, took, failed in timed if int(at) > int(now) - 10]


@given(recorded)
def test_counts_what_the_window_holds(entries: list[tuple[float, float, bool]]) -> None:
    """Number, failures and sum are those of the durations in the last ten slices."""
    histogram, now = Histogram(SPAN), 0.0

    for gap, seconds, failed in entries:
        now += gap
        histogram.record(now, seconds, failed)

    _, kept = _seen(entries)
    assert histogram.count(now) == len(kept)
    assert histogram.failures(now) == sum(failed for _, failed in kept)
    assert histogram.seconds(now) == pytest.approx(sum(took for took, _ in kept))


@given(recorded, st.sampled_from([0.01, 0.5, 0.9, 0.95, 0.99, 1.0]))
def test_a_quantile_is_off_by_no_more_than_the_bound(
    entries: list[tuple[float, float, bool]], share: float
) -> None:
    """The nearest rank's duration is at most 4.5 % away."""
    histogram, now = Histogram(SPAN), 0.0

    for gap, seconds, failed in entries:
        now += gap
        histogram.record(now, seconds, failed)

    exact = sorted(took for took, _ in _seen(entries)[1])
    rank = exact[max(1, ceil(share * len(exact))) - 1]
    assert histogram.quantile(now, share) == pytest.approx(rank, rel=ERROR * 1.0001)
    assert ERROR < 0.045


@given(st.lists(st.floats(0.0, 200.0), max_size=80))
def test_many_at_once_are_counted_as_one_after_the_other(durations: list[float]) -> None:
    """Sorted first, and each bin searched for once."""
    together, singly = Histogram(SPAN), Histogram(SPAN)

    together.add(Durations(durations.copy()))
    for seconds in durations:
        singly.record(0.0, seconds)

    assert together.count(0.0) == singly.count(0.0) == len(durations)
    assert together.seconds(0.0) == pytest.approx(singly.seconds(0.0))
    for share in (0.01, 0.5, 0.95, 1.0):
        assert together.quantile(0.0, share) == singly.quantile(0.0, share)


def test_nothing_is_left_of_a_window_that_is_over() -> None:
    """After a whole span there are no durations, and no quantile."""
    histogram = Histogram(SPAN)
    histogram.record(0.0, 0.3, True)
    histogram.record(5.0, 0.1)

    assert histogram.count(9.9) == 2
    assert histogram.count(10.0) == 1
    assert (histogram.count(15.0), histogram.failures(15.0), histogram.seconds(15.0)) == (0, 0, 0)
    assert histogram.quantile(15.0, 0.95) is None


@pytest.mark.parametrize(("seconds", "told"), [(0.0, SHORTEST), (-1.0, SHORTEST), (9e9, LONGEST)])
def test_what_is_out_of_range_counts_at_its_end(seconds: float, told: float) -> None:
    """Nothing is too short or too long to be counted."""
    histogram = Histogram(SPAN)

    histogram.record(0.0, seconds)

    assert histogram.quantile(0.0, 0.5) == pytest.approx(told)


def test_a_clock_read_a_little_too_early_counts_in_the_present_slice() -> None:
    """Two threads may come to the lock in the other order than they read the clock."""
    histogram = Histogram(SPAN)
    for now in (3.001, 2.999):
        histogram.record(now, 1.0)

    assert histogram.count(3.001) == 2
    assert histogram.count(12.9) == 2


def test_a_window_spans_what_has_passed_of_it() -> None:
    """A rate right after the start is over the time that has passed, but over a slice at least."""
    assert covered(100.2, since=100.0, span=SPAN) == 1.0
    assert covered(104.0, since=100.0, span=SPAN) == 4.0
    assert covered(150.5, since=100.0, span=SPAN) == 9.5
