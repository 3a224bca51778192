"""What visitors of the shop see while what it calls breaks, with the markers of the plugin."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from resilience import Corrupt, Error, Outage
from resilience.testing import StoppableSystem, inject


@pytest.mark.chaos(Outage(), "recommendations")
def test_the_page_does_without_recommendations(client: Any) -> None:
    """Whether they fail, as in this test, or are switched off, as in the next one."""
    answer = client.get("/")

    assert answer.status_code == 200
    assert answer["X-Degraded"] == "recommendations=fallback"


def test_recommendations_go_off_by_level(client: Any, resilience: StoppableSystem) -> None:
    """The level is normal again in the next test."""
    resilience.degradation.degrade("reduced", "many visitors")

    assert client.get("/")["X-Degraded"] == "recommendations=off"


@pytest.mark.chaos(Error(httpx2.ReadTimeout), "payment")
def test_payments_that_time_out_come_back_after_a_while(
    client: Any, resilience: StoppableSystem
) -> None:
    """Once the circuit is half-open one is tried: no test waits for it."""
    assert [_buy(client).status_code for _ in range(4)] == [502, 502, 502, 503]

    resilience.clock.advance(3)

    assert [_buy(client).status_code for _ in range(2)] == [502, 503]


@pytest.mark.chaos(Corrupt({}), "prices")
def test_what_has_no_price_is_not_on_sale(client: Any) -> None:
    """The service answers, and says nothing."""
    answer = _buy(client)

    assert (answer.status_code, "no 'mug' on sale" in answer.json()["detail"]) == (400, True)


def test_a_shopper_is_not_charged_for_a_request_that_breaks(
    client: Any, faults: Callable[..., inject]
) -> None:
    """A fault on a route is there before its view; the same order is taken later."""
    fault = faults(Outage(), "/orders")
    assert _buy(client).status_code == 500
    fault.end()

    assert _buy(client).status_code == 201


def _buy(client: Any) -> Any:
    return client.post("/orders", {"sku": "mug", "order": "7-mug"})
