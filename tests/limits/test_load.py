"""What the requests of a process say of its load, looked at once a second."""

import pytest

from resilience import System
from resilience.limits.load import Criticality
from resilience.testing import ManualClock

CRITICAL, NORMAL, SHEDDABLE = Criticality.CRITICAL, Criticality.NORMAL, Criticality.SHEDDABLE


def serve(system: System, clock: ManualClock, seconds: float, at_once: int = 60) -> None:
    """Serve requests at once, each of which takes `seconds`, and let a second pass."""
    system.traffic.peak = at_once
    for _ in range(at_once):
        system.traffic.record("/", seconds, failed=False)
    clock.advance(1)
    system.tick()


def test_all_requests_are_asked_while_a_proxy_stamps_some(
    system: System, clock: ManualClock
) -> None:
    """Those that come by another way put nothing off; without stamps one in a while is enough."""
    load = system.load
    load.waited(None, 0.0)
    assert load.ask_at > clock.monotonic()

    load.waited(clock.time(), None)
    load.waited(None, 0.0)
    assert load.ask_at <= clock.monotonic()

    clock.advance(61)
    load.waited(None, 0.0)
    assert load.ask_at > clock.monotonic()


def test_the_limit_follows_latency(system: System, clock: ManualClock) -> None:
    """It binds when requests get slower by their number, and lets go when that is over."""
    load = system.load
    for _ in range(10):
        serve(system, clock, 0.1)
    assert (load.limit.binding, load.floor_by_concurrency(900, 2000)) == (False, SHEDDABLE)

    for _ in range(3):
        serve(system, clock, 1.0, at_once=120)

    limit = int(load.limit.limit)
    floors = [load.floor_by_concurrency(number, 2000) for number in (1, limit, limit + 1)]
    assert floors == [SHEDDABLE, NORMAL, CRITICAL]
    assert load.is_crowded(1, 2000)

    for _ in range(12):
        serve(system, clock, 0.1)
    assert not load.is_crowded(1, 2000)


def test_refusals_keep_the_limit_in_force(system: System, clock: ManualClock) -> None:
    """As long as somebody has to be turned away, the load is not over."""
    load = system.load
    for _ in range(10):
        serve(system, clock, 0.1)
    serve(system, clock, 1.0, at_once=150)

    for _ in range(15):
        load.refuse()
        serve(system, clock, 0.1)

    assert load.limit.binding


def test_the_most_there_may_be_holds_whatever_the_latency(system: System) -> None:
    """A fifth is for those that are not sheddable; a single place is for all."""
    floors = [system.load.floor_by_concurrency(number, 10) for number in (8, 9, 10, 11)]

    assert floors == [SHEDDABLE, NORMAL, NORMAL, CRITICAL]
    assert system.load.floor_by_concurrency(1, 1) is SHEDDABLE
    assert system.load.floor_by_concurrency(2, 1) is CRITICAL


def test_of_two_waiting_times_the_longer_counts(system: System, clock: ManualClock) -> None:
    """A proxy has seen the request earlier than this machine, if it can be believed at all."""
    load, now = system.load, clock.time()
    load.waited(now, 0.0)

    assert load.waited(now - 2, 0.5) == 2.0
    assert load.waited(now - 0.1, 0.5) == 0.5
    assert load.waited(now + 9, 0.5) == 0.5
    assert load.waited(now + 9, None) is None
    assert load.waited(None, None) is None


def test_it_asks_again_when_nobody_waits(system: System, clock: ManualClock) -> None:
    """Twenty times a second; every request while somebody does."""
    load = system.load
    assert clock.monotonic() >= load.ask_at

    load.waited(None, 0.0)
    assert clock.monotonic() < load.ask_at
    clock.advance(0.05)
    assert clock.monotonic() >= load.ask_at

    load.waited(None, 0.3)
    assert clock.monotonic() >= load.ask_at


def test_a_fork_is_no_request(system: System, clock: ManualClock) -> None:
    """The counters begin anew in a child, and are not taken for less than nothing."""
    load = system.load
    for _ in range(5):
        serve(system, clock, 0.1)

    system.traffic.after_fork()
    serve(system, clock, 0.1, at_once=20)
    serve(system, clock, 0.1)

    assert load.limit.limit >= 100
    assert not load.limit.binding


@pytest.mark.parametrize("waited", [None, 0.0, 0.4, 9.0])
def test_without_a_queue_that_stands_nobody_is_turned_away(
    system: System, waited: float | None
) -> None:
    """Whoever waited for a slow neighbour alone is served."""
    assert system.load.floor_by_waiting(waited, longest=0.5) is SHEDDABLE
