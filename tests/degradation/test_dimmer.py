"""The dimmer as a number: fed with what was measured, it says how much can be served."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from resilience import ConfigurationError
from resilience.degradation.dimmer import Dimmer, Reading

CALM = Reading(
    span=0.5, arrived=40, finished=40, busy=3.2, waited=0.0, peak=4, p95=0.2,
    asked=40, made=40, optional=2.0,
)  # fmt: skip
"""80 requests a second, of 30 ms and 50 ms more for what is optional."""


def dimmer(**options: Any) -> Dimmer:
    """Return a dimmer for eight places and a target of 0.3 s."""
    return Dimmer("extras", 0.3, **{"places": 8, **options})


def steps(subject: Dimmer, reading: Reading, times: int) -> list[float]:
    """Return the shares after each of several steps with the same reading."""
    return [subject.step(reading) for _ in range(times)]


def test_all_is_served_while_there_is_time() -> None:
    """0.85 of eight places have time for 80 requests in full."""
    assert steps(dimmer(), CALM, 50) == [1.0] * 50


def test_the_share_is_what_there_is_time_for() -> None:
    """(0.85 * 8 / 160 - 0.03) / 0.05, once the rate is known to have doubled."""
    subject = dimmer()
    steps(subject, CALM, 10)
    doubled = replace(CALM, arrived=80, finished=80, busy=6.4, asked=80, made=80, optional=4.0,
                      p95=0.3)  # fmt: skip

    assert subject.step(doubled) < 1.0
    shares = steps(subject, doubled, 60)

    trimmed = (subject.utilisation + subject.trim) * 8 / 160
    assert shares[-1] == pytest.approx((trimmed - 0.03) / 0.05, abs=0.01)
    assert subject.rate == pytest.approx(160, rel=0.01)
    assert subject.mandatory == pytest.approx(0.03)
    assert subject.optional == pytest.approx(0.05)


def test_costs_are_known_whatever_share_was_served() -> None:
    """The optional part is what it would add in full."""
    subject = dimmer()

    steps(subject, replace(CALM, busy=1.2 + 0.5, made=10, optional=0.5), 40)

    assert subject.mandatory == pytest.approx(0.03)
    assert subject.optional == pytest.approx(0.05)


def test_it_is_halved_while_requests_wait_too_long() -> None:
    """For more than half of the target; what it costs does not matter then."""
    subject = dimmer()
    steps(subject, CALM, 4)

    assert steps(subject, replace(CALM, waited=0.16), 4) == [0.5, 0.25, 0.125, 0.0625]


def test_it_rises_by_five_points_a_second() -> None:
    """However much time there is."""
    subject = dimmer()
    steps(subject, CALM, 4)
    steps(subject, replace(CALM, waited=9.0), 12)
    low = subject.share

    shares = steps(subject, CALM, 8)

    expected = [low + 0.025 * each for each in range(1, 9)]
    assert shares == [pytest.approx(each) for each in expected]
    assert steps(subject, CALM, 60)[-1] == 1.0


def test_growing_waiting_tells_how_many_really_arrive() -> None:
    """Forty taken up in half a second that waited 0.25 s longer have come in half the time."""
    subject = dimmer()
    steps(subject, CALM, 20)
    assert subject.rate == pytest.approx(80)

    for waited in (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5):
        subject.step(replace(CALM, waited=waited))

    assert subject.rate == pytest.approx(160, rel=0.1)


def test_places_are_what_is_under_way_while_others_wait() -> None:
    """Until somebody waits nobody knows how many there are, and nothing is dimmed."""
    subject = dimmer(places=None)
    busy = replace(CALM, arrived=400, finished=400)
    assert steps(subject, busy, 20)[-1] == 1.0
    assert subject.places == 0

    subject.step(replace(busy, waited=0.1, peak=6))
    subject.step(replace(busy, waited=0.1, peak=4))

    assert subject.places == 6
    assert subject.share < 1.0


def test_p95_trims_the_utilisation_slowly() -> None:
    """Down while it is above the target, up while below, and never far."""
    subject = dimmer()
    trims = []
    for _ in range(2000):
        subject.step(replace(CALM, p95=0.6))
        trims.append(subject.trim)
    assert -0.02 <= trims[0] < 0
    assert trims[-1] == -0.35

    for _ in range(2000):
        subject.step(replace(CALM, p95=0.1))
    assert subject.trim == 0.1


def test_where_nobody_knows_the_waiting_a_full_process_is_late() -> None:
    """97 % of its time spent on requests leaves none for those that come."""
    subject = dimmer(places=4)
    unknown = replace(CALM, waited=None, busy=1.9, asked=0, made=0, optional=0.0)

    assert subject.step(unknown) == 1.0
    assert subject.step(replace(unknown, busy=1.95)) == 0.5


def test_some_can_always_be_served() -> None:
    """If its owner says so."""
    subject = dimmer(least=0.2)

    assert steps(subject, replace(CALM, waited=9.0), 20)[-1] == 0.2


def test_a_feature_nobody_asks_for_is_not_dimmed() -> None:
    """What it costs is not known, and nothing is won by it; until requests wait."""
    unasked = replace(CALM, arrived=400, finished=400, asked=0, made=0, optional=0.0)

    assert steps(dimmer(), unasked, 20)[-1] == 1.0


def test_quiet_times_change_nothing() -> None:
    """No requests, no division by their number."""
    subject = dimmer()
    steps(subject, CALM, 4)
    empty = Reading(0.5, 0, 0, 0.0, 0.0, 0, None, 0, 0, 0.0)

    assert steps(subject, empty, 200)[-1] == 1.0
    assert steps(dimmer(), empty, 3) == [1.0] * 3


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"target": 0}, "dimmer of 'extras': target=0: give a number > 0"),
        ({"target": 0.005}, "dimmer of 'extras': target=0.005: give a number of seconds >= 0.01"),
        ({"target": "fast"}, "dimmer of 'extras': target='fast': give a number"),
        ({"target": timedelta(0)}, "dimmer of 'extras': target=0.0: give a number > 0"),
        (
            {"utilisation": 1.0},
            "dimmer of 'extras': utilisation=1.0: give a number > 0 and <= 0.99",
        ),
        ({"utilisation": 0}, "dimmer of 'extras': utilisation=0: give"),
        ({"places": 0}, "dimmer of 'extras': places=0: give a whole number of at least 1"),
        ({"places": 2.5}, "dimmer of 'extras': places=2.5: give a whole number"),
        ({"least": 1.5}, "dimmer of 'extras': least=1.5: give a number >= 0 and <= 1"),
        ({"feature": ""}, "dimmer: feature='': give a printable text"),
    ],
)
def test_targets_that_cannot_be_met_are_refused(wrong: dict, said: str) -> None:
    """By name, with what is allowed."""
    with pytest.raises(ConfigurationError, match=said):
        Dimmer(**{"feature": "extras", **wrong})
