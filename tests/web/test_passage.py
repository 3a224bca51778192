"""One request on its way through an app, without any framework."""

import asyncio
import contextvars
from typing import Any

import pytest

from resilience import System, remaining
from resilience.core import degraded
from resilience.testing import ManualClock, inactive
from resilience.web.endpoints import leave_out
from resilience.web.passage import Outcome
from tests.web.passages import PlainPassage


def test_marks_are_kept_with_the_request(system: System) -> None:
    """Also those of its tasks; nothing is left behind."""
    passage = PlainPassage(system)

    async def view() -> None:
        await asyncio.gather(asyncio.create_task(later()))
        degraded.mark("prices", "stale")

    async def later() -> None:
        degraded.mark("reviews", "fallback")

    with passage:
        asyncio.run(view())

    assert passage.degraded_header() == "reviews=fallback, prices=stale"
    assert degraded.marks() == {}


def test_a_passage_is_entered_again_for_each_part_of_a_body(
    system: System, clock: ManualClock
) -> None:
    """In another context than before: the same marks, and what is left of the same time."""
    passage = PlainPassage(system, deadline=3)
    with passage:
        degraded.mark("prices", "stale")
    clock.advance(2)

    def part() -> tuple[dict[str, str], float | None]:
        with passage:
            return dict(degraded.marks()), remaining()

    assert contextvars.Context().run(part) == ({"prices": "stale"}, 1.0)
    assert (degraded.marks(), remaining()) == ({}, None)


def test_a_passage_inside_another_leaves_the_outer_one_as_it_was(
    system: System, clock: ManualClock
) -> None:
    """An app mounted in an app: marks of its own, and never more time than the outer one has."""
    outer = PlainPassage(system, deadline=3)

    with outer:
        clock.advance(1)
        inner = PlainPassage(system, deadline=10)
        with inner:
            degraded.mark("prices", "stale")
            assert remaining() == 2.0
        with PlainPassage(system):
            assert remaining() == 2.0
        assert degraded.marks() == {}

    assert (outer.degraded_header(), inner.degraded_header()) == ("", "prices=stale")


def test_a_failing_app_leaves_the_context_as_it_was(system: System) -> None:
    """Whatever comes out."""
    with pytest.raises(KeyboardInterrupt), PlainPassage(system, deadline=3):
        raise KeyboardInterrupt

    assert remaining() is None


@pytest.mark.parametrize(
    ("settings", "headers", "left"),
    [
        ({}, {}, None),
        ({"deadline": 2}, {}, 2.0),
        ({"deadline": 2}, {"x-request-timeout": "1.5"}, 1.5),
        ({"deadline": 2}, {"grpc-timeout": "500m"}, 0.5),
        ({"deadline": 2}, {"x-request-timeout": "30"}, 2.0),
        ({"deadline": 2}, {"x-request-timeout": "-1"}, 2.0),
        ({}, {"x-request-timeout": "1.5"}, 1.5),
        ({"deadline_header": False}, {"x-request-timeout": "1.5"}, None),
        ({"deadline": 2, "deadline_header": False}, {"x-request-timeout": "1.5"}, 2.0),
    ],
)
def test_a_request_has_the_apps_time_or_the_callers(
    system: System, settings: dict[str, Any], headers: dict[str, str], left: float | None
) -> None:
    """Whichever is shorter; the caller's only where the app listens."""
    with PlainPassage(system, headers, **settings):
        assert remaining() == left


@pytest.mark.parametrize(("seconds", "left"), [(2.0, None), (4.0, 0.0)])
def test_what_outlives_a_request_has_all_the_time(
    system: System, clock: ManualClock, seconds: float, left: float | None
) -> None:
    """A listener that it began keeps its context for days; one that is late is to stop."""
    passage = PlainPassage(system, deadline=3)
    inside = passage.context()
    clock.advance(seconds)

    passage.finish(200, failed=False)
    clock.advance(60)

    assert inside.run(remaining) == left


def test_the_header_is_empty_where_the_app_wants_none(system: System) -> None:
    """`degraded_header=False`."""
    passage = PlainPassage(system, degraded_header=False)

    with passage:
        degraded.mark("prices", "stale")

    assert passage.degraded_header() == ""


def test_only_the_first_end_counts(system: System, clock: ManualClock) -> None:
    """A body may end, break off and be closed, all for one request."""
    passage = PlainPassage(system)
    assert passage.outcome is None
    clock.advance(1.5)

    passage.finish(200, failed=False)
    clock.advance(1)
    passage.finish(None, failed=True)

    assert passage.outcome == Outcome(200, False, 1.5)


def test_a_route_is_unknown_until_the_integration_says_it(system: System) -> None:
    """And what no route matches stays one and the same."""
    assert PlainPassage(system).route == ""


@pytest.mark.parametrize(
    ("status", "failed", "share"),
    [(200, False, 0), (404, False, 0), (503, False, 1), (200, True, 1)],
)
def test_a_finished_request_counts_for_its_route(
    system: System, clock: ManualClock, status: int, failed: bool, share: float
) -> None:
    """How long it took, and whether it was a server error or broke off."""
    passage = PlainPassage(system, route="/orders/<int:order>")
    assert system.traffic.concurrency() == 1

    clock.advance(0.5)
    passage.finish(status, failed)
    passage.finish(status, failed)

    assert system.traffic.concurrency() == 0
    assert system.traffic.error_rate("/orders/<int:order>", least=1) == share
    assert system.traffic.latency(0.95, least=1) == pytest.approx(0.5, rel=0.045)
    assert system.traffic.totals().finished == 1


def test_our_own_endpoints_are_no_traffic(system: System) -> None:
    """A probe a second would hide how slow the app is, and a dashboard is open for hours."""
    passage = PlainPassage(system)

    with passage:
        leave_out()
        assert system.traffic.concurrency() == 0
    passage.finish(503, failed=False)

    assert system.traffic.totals().arrived == 0
    assert passage.outcome is None


def test_a_system_that_is_switched_off_turns_nobody_away(system: System) -> None:
    """`resilience.testing.inactive` and a baseline to compare with have no guards at all."""
    system.degradation.degrade("emergency", "a test of it")
    passage = PlainPassage(system)
    assert passage.pressed()

    with inactive(system):
        assert not passage.pressed()
        passage.admit()
