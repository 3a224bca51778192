"""What visitors of the shop see while what it calls breaks; the plugin is the same for async."""

from collections.abc import Callable

import httpx2
import pytest
from starlette.testclient import TestClient

from resilience import Error, Event, Latency, Outage
from resilience.testing import StoppableSystem, force_open, inject

ORDER = {"sku": "mug", "order": "7-mug"}


def test_the_page_does_without_what_its_circuits_refuse(
    client: TestClient, circuit_open: Callable[[str], force_open]
) -> None:
    """Prices that were seen before stand in, for recommendations nothing does."""
    assert client.get("/").status_code == 200
    circuit_open("prices")
    circuit_open("recommendations")

    answer = client.get("/")

    assert answer.status_code == 200
    assert answer.headers["X-Degraded"] == "prices=stale, recommendations=fallback"


@pytest.mark.chaos(Latency(0.5), "recommendations")
def test_slow_recommendations_are_soon_left_out(
    client: TestClient, resilience: StoppableSystem, events: list[Event]
) -> None:
    """Half a second is nothing to a clock in hand, and slow to the circuit."""
    for _ in range(4):
        assert client.get("/api/recommendations/ann").status_code == 200

    (opened,) = [each for each in events if each.type == "circuit_opened"]
    assert (opened.component, opened.data["reason"]) == ("recommendations", "slow_call_rate")


def test_some_visitors_of_one_route_fail(client: TestClient, faults: Callable[..., inject]) -> None:
    """The same ones each time, by the seed; other routes notice nothing."""
    fault = faults(Outage(), "/api/prices", share=0.5, seed=1)

    statuses = [client.get("/api/prices").status_code for _ in range(10)]

    assert set(statuses) == {200, 500}
    assert (fault.seen, fault.hit) == (10, statuses.count(500))
    assert client.get("/").status_code == 200


@pytest.mark.chaos(Error(httpx2.ConnectError), "payment")
def test_an_order_that_nobody_confirms_is_an_honest_error(client: TestClient) -> None:
    """Nothing stands in for a payment."""
    answer = client.post("/orders", data=ORDER)

    assert answer.status_code == 502
    assert "did not confirm your order" in answer.json()["detail"]
