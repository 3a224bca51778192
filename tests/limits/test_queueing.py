"""Queues that stand, told from bursts; and waiting told by clocks that differ."""

import pytest

from resilience.limits.queueing import Stamps, StandingQueue


def observe(queue: StandingQueue, *waits: float, start: float = 100.0, every: float = 0.1) -> float:
    """Let requests come at intervals; return when the last one came."""
    now = start
    for number, waited in enumerate(waits):
        now = start + number * every
        queue.observe(now, waited)
    return now


def test_a_queue_stands_when_nobody_found_it_empty_for_a_second() -> None:
    """And ten in a row."""
    queue = StandingQueue()

    now = observe(queue, 0.0, *[0.3] * 10)
    assert not queue.stands(now)

    now = observe(queue, 0.0, *[0.3] * 11)
    assert queue.stands(now)


def test_a_burst_is_no_standing_queue() -> None:
    """However many wait, if it is over within a second."""
    queue = StandingQueue()

    now = observe(queue, 0.0, *[0.5] * 90, every=0.01)

    assert not queue.stands(now)


def test_slow_requests_one_after_another_are_no_standing_queue() -> None:
    """Where a request comes up every two seconds, waiting is how it is."""
    queue = StandingQueue()

    now = observe(queue, *[1.5] * 50, every=2.0)

    assert not queue.stands(now)


def test_whoever_finds_it_empty_ends_it() -> None:
    """One is enough."""
    queue = StandingQueue()
    now = observe(queue, 0.0, *[0.3] * 30)
    assert queue.stands(now)

    queue.observe(now + 0.1, 0.02)

    assert not queue.stands(now + 0.1)


def test_after_a_pause_it_begins_anew() -> None:
    """What was a second ago says nothing of now."""
    queue = StandingQueue()
    now = observe(queue, 0.0, *[0.3] * 30)

    assert not queue.stands(now + 1.1)
    queue.observe(now + 1.2, 0.4)
    assert not queue.stands(now + 1.2)


def test_waiting_is_the_time_since_the_stamp() -> None:
    """Above the least that was ever seen."""
    stamps = Stamps()

    assert stamps.waited(1000.0, 1000.0, 1.0) == 0.0
    assert stamps.waited(1000.0, 1000.7, 2.0) == pytest.approx(0.7)


@pytest.mark.parametrize("passed", [-0.001, -5.0, 60.1, 1e9])
def test_a_stamp_that_cannot_be_is_none(passed: float) -> None:
    """From the future, or from before anybody would still wait."""
    assert Stamps().waited(1000.0, 1000.0 + passed, 1.0) is None


def test_a_proxy_whose_clock_is_behind_makes_nobody_wait() -> None:
    """What all requests have waited is the difference of the clocks."""
    stamps = Stamps()
    told = [stamps.waited(wall - 3.0 - extra, wall, wall) for wall, extra in
            [(1000.0, 0.2), (1001.0, 0.0), (1002.0, 0.5), (1003.0, 0.0)]]  # fmt: skip

    assert told == [pytest.approx(each) for each in (0.0, 0.0, 0.5, 0.0)]


def test_a_clock_that_was_set_right_is_believed_again_after_minutes() -> None:
    """The least of the last five to ten minutes counts."""
    stamps = Stamps()
    stamps.waited(1000.0, 1000.0, 0.0)
    later = [stamps.waited(wall - 3.0, wall, wall - 1000.0) for wall in (1200.0, 1400.0, 1700.0)]

    assert later == [3.0, 3.0, 0.0]
