"""The requests of an app, counted by route and as a whole."""

import threading
import tracemalloc
from collections.abc import Iterator

import pytest

from resilience import ConfigurationError, System
from resilience.telemetry.histogram import Durations
from resilience.telemetry.traffic import OTHERS, UNMATCHED, Totals, Traffic
from resilience.testing import ManualClock


@pytest.fixture
def traffic(system: System) -> Traffic:
    """Give the traffic of a system on a manual clock."""
    return system.traffic


def test_error_rate_is_of_all_requests_or_of_a_route(traffic: Traffic) -> None:
    """Failures by requests."""
    for number in range(20):
        traffic.record("/orders", 0.1, failed=number % 2 == 0)
        traffic.record("/", 0.1, failed=False)

    assert traffic.error_rate() == pytest.approx(0.25)
    assert traffic.error_rate("/orders") == pytest.approx(0.5)
    assert traffic.error_rate("/") == 0.0


def test_too_few_requests_tell_nothing(traffic: Traffic) -> None:
    """One failed request at night is no error rate of 1; who wants it can ask for it."""
    for _ in range(9):
        traffic.record("/", 0.2, failed=True)

    assert traffic.error_rate() is None
    assert traffic.latency(0.95) is None
    assert traffic.error_rate(least=1) == 1.0
    assert traffic.latency(0.95, least=1) == pytest.approx(0.2, rel=0.045)

    traffic.record("/", 0.2, failed=True)

    assert traffic.error_rate() == 1.0
    assert traffic.latency(0.95) == pytest.approx(0.2, rel=0.045)


def test_nothing_is_known_of_a_route_nobody_asked_for(traffic: Traffic) -> None:
    """It has no rate, rather than one of 0."""
    assert traffic.error_rate("/nowhere", least=1) is None
    assert traffic.latency(0.5, "/nowhere", least=1) is None
    assert traffic.error_rate(least=0) is None


def test_latency_is_the_share_asked_for(traffic: Traffic) -> None:
    """Of a hundred requests five are slow: p95 does not see them, p99 does."""
    for number in range(100):
        traffic.record("/", 2.0 if number < 5 else 0.05, failed=False)

    assert traffic.latency(0.95) == pytest.approx(0.05, rel=0.045)
    assert traffic.latency(0.96) == pytest.approx(2.0, rel=0.045)
    assert traffic.latency(0.99, "/") == pytest.approx(2.0, rel=0.045)


def test_waiting_counts_for_whoever_asked(traffic: Traffic) -> None:
    """Latency is from the request's coming to its end; what the process spent on it is less."""
    traffic.record("/", 0.5, failed=False, waited=2.0)

    assert traffic.latency(0.95, "/", least=1) == pytest.approx(2.5, rel=0.045)
    assert traffic.totals().seconds == 0.5


def test_recent_latency_is_of_seconds(clock: ManualClock, traffic: Traffic) -> None:
    """The slices of three seconds that the present one and the last one are."""
    for _ in range(10):
        traffic.record("/", 2.0, failed=False)
    clock.advance(3)
    for _ in range(10):
        traffic.record("/", 0.1, failed=False)

    assert traffic.recent_latency(0.95) == pytest.approx(2.0, rel=0.045)
    clock.advance(3)
    assert traffic.recent_latency(0.95) == pytest.approx(0.1, rel=0.045)
    assert traffic.recent_latency(0.95, least=11) is None
    clock.advance(3)
    assert traffic.recent_latency(0.95) is None
    assert traffic.latency(0.95) == pytest.approx(2.0, rel=0.045)


def test_old_requests_are_forgotten(clock: ManualClock, traffic: Traffic) -> None:
    """After half a minute only the present counts; the totals stay."""
    for _ in range(10):
        traffic.record("/", 1.0, failed=True)
    clock.advance(30)
    for _ in range(10):
        traffic.record("/", 0.1, failed=False)

    assert traffic.error_rate() == 0.0
    assert traffic.latency(1.0) == pytest.approx(0.1, rel=0.045)
    assert traffic.totals().finished == 20
    assert traffic.totals().failed == 10
    assert traffic.totals().seconds == pytest.approx(11.0)


def test_routes_that_match_nothing_are_one(traffic: Traffic) -> None:
    """A scanner's paths are one bucket."""
    for _ in range(10):
        traffic.record("", 0.01, failed=False)

    assert [each.route for each in traffic.snapshot()] == ["", UNMATCHED]
    assert traffic.latency(0.5, "") == traffic.latency(0.5, UNMATCHED) is not None


def test_the_number_of_routes_is_bounded(clock: ManualClock) -> None:
    """Routes beyond the limit are counted together, those known before by themselves."""
    traffic = Traffic(clock, most_routes=3)

    for number in range(50):
        traffic.record(f"/{number}", 0.01, failed=False)
    traffic.record("/1", 0.01, failed=False)

    counts = {each.route: each.requests for each in traffic.snapshot()}
    assert counts == {"": 51, OTHERS: 47, "/1": 2, "/0": 1, "/2": 1}


def test_memory_does_not_grow_with_requests_or_paths(clock: ManualClock) -> None:
    """A hundred thousand more requests of any route and duration take no more room."""
    traffic = Traffic(clock, most_routes=10)

    def serve(count: int) -> None:
        for number in range(count):
            clock.advance(0.01)
            traffic.record(f"/{number % 500}", number % 97 / 10, failed=False)

    serve(5_000)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        serve(20_000)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 200_000  # slices come and go; 12 histograms of 8 KB in all their slices


def test_totals_have_arrivals_and_waiting(traffic: Traffic) -> None:
    """What came in, whatever became of it, and how long it is known to have waited before."""
    traffic.under_way.update({"one", "another"})
    traffic.note_wait(0.5)
    traffic.note_wait(1.5)
    traffic.refuse()

    assert traffic.concurrency() == 2
    assert traffic.totals().arrived == 3

    traffic.under_way.remove("one")
    assert traffic.totals().arrived == 3  # it is about to be recorded
    traffic.record("/", 3.0, failed=False, waited=1.5)

    assert traffic.concurrency() == 1
    assert traffic.totals() == Totals(
        arrived=3, finished=1, failed=0, shed=1, seconds=3.0, waited=2.0, timed=2
    )


def test_the_peak_is_since_it_was_asked_last(traffic: Traffic) -> None:
    """Then it is what is under way at that time."""
    traffic.under_way.update(range(3))
    traffic.peak = 7

    assert [traffic.take_peak(), traffic.take_peak()] == [7, 3]


def test_a_snapshot_has_every_route_most_requested_first(
    clock: ManualClock, traffic: Traffic
) -> None:
    """Numbers of the whole and of each route."""
    clock.advance(6)
    for number in range(12):
        traffic.record("/a" if number % 3 else "/b", 0.2, failed=number == 0)

    whole, first, second = traffic.snapshot()

    assert (whole.requests, whole.failures) == (12, 1)
    assert whole.rate == pytest.approx(2.0)
    assert (first.route, first.requests, first.error_rate) == ("/a", 8, 0.0)
    assert (second.route, second.requests, second.error_rate) == ("/b", 4, 0.25)
    assert whole.mean == pytest.approx(0.2)
    for quantile in (whole.p50, whole.p95, whole.p99):
        assert quantile == pytest.approx(0.2, rel=0.045)


def test_an_empty_snapshot_says_nothing(traffic: Traffic) -> None:
    """Before the first request there are no rates and no times."""
    [whole] = traffic.snapshot()

    assert (whole.requests, whole.rate, whole.error_rate, whole.mean, whole.p95) == (
        *(0, 0.0),
        *(None, None, None),
    )


@pytest.mark.stress
def test_no_request_is_lost_between_threads(traffic: Traffic) -> None:
    """Eight threads count what they did, exactly."""

    def serve() -> None:
        for number in range(2_000):
            request = object()
            traffic.under_way.add(request)
            traffic.note_wait(0.01)
            traffic.under_way.remove(request)
            traffic.record(f"/{number % 5}", 0.01, failed=number % 2 == 0)

    threads = [threading.Thread(target=serve) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    totals = traffic.totals()
    assert (totals.arrived, totals.finished, totals.failed) == (16_000, 16_000, 8_000)
    assert sum(each.requests for each in traffic.snapshot()[1:]) == 16_000
    assert traffic.concurrency() == 0


def test_what_is_collected_amid_counting_may_end_a_request(
    traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The body of a stream that nobody has read to its end, in whose thread it is."""

    def stream() -> Iterator[int]:
        try:
            yield 1
        finally:
            for _ in range(200):
                traffic.record("/stream", 0.1, failed=True)

    def counted_amid_a_collection(durations: list[float]) -> Durations:
        streams.clear()
        return Durations(durations)

    streams = [stream()]
    next(streams[0])
    for _ in range(10):
        traffic.record("/", 0.1, failed=False)
    monkeypatch.setattr("resilience.telemetry.traffic.Durations", counted_amid_a_collection)

    traffic.snapshot()

    assert {each.route: each.requests for each in traffic.snapshot()} == {
        "": 210, "/": 10, "/stream": 200,
    }  # fmt: skip
    assert traffic.error_rate() == pytest.approx(200 / 210)


def test_a_fork_begins_anew(traffic: Traffic) -> None:
    """The parent's requests, and a lock that one of its threads held, are none of the child's."""
    traffic.under_way.add("the parent's")
    holder = threading.Thread(target=traffic._lock.acquire)
    holder.start()
    holder.join()

    traffic.after_fork()
    traffic.record("/", 0.1, failed=False)

    assert traffic.concurrency() == 0
    assert traffic.totals().arrived == 1


@pytest.mark.parametrize("wrong", [{"span": 0}, {"span": "long"}, {"most_routes": 0}])
def test_refuses_what_cannot_be(clock: ManualClock, wrong: dict) -> None:
    """By the name of the argument."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Traffic(clock, **wrong)


def test_traffic_is_loaded_when_asked_for() -> None:
    """`import resilience` does not load it."""
    import subprocess
    import sys

    code = "import resilience, sys; print('resilience.telemetry.traffic' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )

    assert ran.stdout.strip() == "False"
