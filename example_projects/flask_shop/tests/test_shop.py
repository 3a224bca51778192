"""What visitors of the shop see while what it calls breaks, with the fixtures of the plugin."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from flask.testing import FlaskClient

from flaky_upstream.behaviour import Behaviour, Mode
from flaky_upstream.server import Upstream
from resilience import Error, Event, Outage
from resilience.testing import StoppableSystem, force_open, inject

NOBODY_ANSWERS = Error(httpx2.ConnectError)

MUG: dict[str, Any] = {"data": {"sku": "mug", "order": "7-mug"}}


def test_the_page_does_without_recommendations(
    client: FlaskClient, circuit_open: Callable[[str], force_open]
) -> None:
    """Their circuit is open until the end of the test."""
    circuit_open("recommendations")

    answer = client.get("/")

    assert answer.status_code == 200
    assert answer.headers["X-Degraded"] == "recommendations=fallback"


def test_prices_of_the_last_five_minutes_are_good_enough(
    client: FlaskClient, faults: Callable[..., inject], resilience: StoppableSystem
) -> None:
    """Nobody waits for those minutes: the clock of the guards is in hand."""
    assert "X-Degraded" not in client.get("/").headers
    fault = faults(NOBODY_ANSWERS, "prices")

    assert client.get("/").headers["X-Degraded"] == "prices=stale"
    resilience.clock.advance(300)

    assert client.get("/").status_code == 502
    assert fault.hit == 2


def test_a_payment_that_fails_three_times_is_not_tried_again(
    client: FlaskClient, faults: Callable[..., inject], events: list[Event]
) -> None:
    """Who orders then is told at once when to come back."""
    fault = faults(NOBODY_ANSWERS, "payment")

    answers = [client.post("/orders", **MUG) for _ in range(5)]

    assert [each.status_code for each in answers] == [502, 502, 502, 503, 503]
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert fault.hit == 3
    assert [each.component for each in events if each.type == "circuit_opened"] == ["payment"]


@pytest.mark.chaos(Outage(), "calls:/")
def test_the_page_is_an_honest_error_when_there_never_were_prices(client: FlaskClient) -> None:
    """All that it calls is gone from the first request on."""
    assert client.get("/").status_code == 500


@pytest.mark.resilience(off=True)
def test_without_guards_the_page_hangs_on_recommendations(
    client: FlaskClient, service: Upstream
) -> None:
    """What the guards are for."""
    service.control.apply(Behaviour(mode=Mode.FAIL), "/recommendations")

    assert client.get("/").status_code == 502
