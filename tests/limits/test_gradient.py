"""The adaptive concurrency limit, as a number that follows latency."""

from random import Random

import pytest

from resilience.limits.gradient import INITIAL, LEAST, MOST, GradientLimit, Sample


def window(latency: float, peak: int, *, finished: int = 100, refused: int = 0) -> Sample:
    """Return what was seen in one second."""
    return Sample(1.0, finished, latency, peak, refused)


def settled(peak: int = 60) -> GradientLimit:
    """Return a limit that knows that 0.1 s is usual."""
    limit = GradientLimit()
    for _ in range(20):
        limit.update(window(0.1, peak))
    return limit


def test_it_grows_while_latency_is_as_usual() -> None:
    """By its square root, up to the most there may be."""
    limit = settled(peak=10_000)
    before = limit.limit

    limit.update(window(0.14, 10_000))  # within the tolerance of 1.5

    assert before == MOST == limit.limit
    assert not limit.binding
    small = GradientLimit()
    small.update(window(0.1, 50))
    assert small.limit == INITIAL + INITIAL**0.5


def test_what_was_served_without_waiting_is_known_to_be_served() -> None:
    """A burst that harmed nobody raises the limit to itself."""
    limit = settled()

    limit.update(window(0.1, 700))

    assert limit.limit == 700


def test_it_shrinks_and_binds_while_latency_is_above() -> None:
    """By a fifth of what the gradient says, less the square root; the gradient is 0.5 at least."""
    limit = settled()
    before = limit.limit

    limit.update(window(10.0, int(before)))

    assert limit.binding
    assert limit.limit == pytest.approx(before + 0.2 * (before**0.5 - 0.5 * before))


def test_it_never_falls_below_the_least() -> None:
    """Some have to be let in, to learn that it is over."""
    limit = settled()
    for _ in range(100):
        limit.update(window(10.0, 100))

    assert LEAST <= limit.limit < 25


def test_half_a_limit_in_use_says_nothing_about_it() -> None:
    """Slow answers to few requests have another cause than their number."""
    limit = settled()
    before = limit.limit

    for _ in range(5):
        limit.update(window(3.0, int(before / 2) - 1))

    assert (limit.limit, limit.binding) == (before, False)


def test_it_binds_until_nobody_was_refused_for_ten_windows() -> None:
    """The load is over when the limit is not needed, not when latency is well because of it."""
    limit = settled()
    limit.update(window(5.0, 200))
    assert limit.binding

    for _ in range(20):
        limit.update(window(0.1, 60, refused=7))
    assert limit.binding

    for _ in range(9):
        limit.update(window(0.1, 60))
    assert limit.binding
    limit.update(window(0.1, 60))
    assert not limit.binding


def test_hardly_anything_ending_is_slow_by_littles_law() -> None:
    """With 300 under way of which 2 ended in a second, a request takes 150 s."""
    limit = settled(peak=200)

    limit.update(window(0.1, 300, finished=2))

    assert limit.binding


def test_few_requests_with_few_under_way_say_nothing() -> None:
    """Their mean is chance."""
    limit = settled()
    before = limit.limit

    for _ in range(50):
        limit.update(window(9.0, 3, finished=4))
        limit.update(Sample(1.0, 0, 0.0, 0, 0))

    assert (limit.limit, limit.binding) == (before, False)


def test_a_latency_that_stays_becomes_the_usual_one() -> None:
    """Nobody is turned away for ever because a dependency has become slower."""
    limit = settled()

    for _ in range(600):
        limit.update(window(0.3, int(limit.limit) + 1))

    assert not limit.binding
    assert limit.limit > 200


def test_after_a_long_overload_the_usual_falls_quickly() -> None:
    """A tenth a window while it is more than twice what is measured."""
    limit = settled()
    for _ in range(600):
        limit.update(window(1.0, 100))
    for _ in range(25):
        limit.update(window(0.1, 100))

    limit.update(window(0.6, 200))

    assert limit.binding


def test_it_finds_the_room_of_a_server() -> None:
    """One of 40 workers, asked by far more: what is under way keeps it busy, and waits little."""
    limit, chance = GradientLimit(), Random(3)
    for _ in range(30):  # quiet times, which tell what is usual
        limit.update(window(0.05 * chance.uniform(0.9, 1.1), 30, finished=600))

    seen = []
    for _ in range(200):
        under_way = min(limit.limit, MOST) if limit.binding else 400.0
        latency = 0.05 * max(1.0, under_way / 40) * chance.uniform(0.9, 1.1)
        limit.update(window(latency, int(under_way), finished=800, refused=500))
        seen.append(under_way)

    steady = seen[40:150]
    assert min(steady) >= 40
    assert max(steady) <= 2.5 * 40
