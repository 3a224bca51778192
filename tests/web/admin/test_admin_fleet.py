"""What the dashboard's API says of the fleet, and of orders that all its workers are to follow."""

import pytest

from resilience import System
from resilience.testing import FakeFleet, ManualClock
from resilience.web.admin import api
from tests.web.admin.asking import act, ask, said


@pytest.fixture
def fleet(shop: System, clock: ManualClock) -> FakeFleet:
    """Give the store that the shop shares with another worker."""
    store = FakeFleet(clock)
    shop.fleet.use(store, worker="one")
    other = System(clock=clock)
    other.fleet.use(store, worker="two")
    other.tick()
    shop.tick()
    return store


def test_an_order_says_who_has_confirmed_it(shop: System, fleet: FakeFleet) -> None:
    """Of the workers that are alive."""
    done = said(act(shop, action="circuit.force_open", name="payments"))

    assert done["confirmed"] == {"confirmed": 1, "live": 2, "waiting": ["two"]}


def test_an_order_that_the_store_does_not_acknowledge_is_a_503(
    shop: System, fleet: FakeFleet
) -> None:
    """It holds here, and that is said."""
    fleet.down = True

    answer = act(shop, action="circuit.force_open", name="payments")

    assert answer.status == 503
    assert "It is done, but only this worker has it" in said(answer)["detail"]
    assert shop.circuits["payments"].state == "forced_open"


def test_the_dashboard_shows_the_fleet(shop: System, fleet: FakeFleet, clock: ManualClock) -> None:
    """Who is alive, who has confirmed what was ordered, and whether the store is there."""
    ask(shop, api.STATE)
    clock.advance(1)
    shop.tick()

    told = said(ask(shop, api.STATE))["fleet"]
    assert (told["address"], told["online"], told["live"]) == ("fake", True, 2)
    assert [each["worker"] for each in told["workers"]] == ["one", "two"]
    assert told["workers"][0]["pid"] > 0
    page = ask(shop, api.HOME).body.decode()
    assert "2 workers share <code>fake</code>" in page
    assert "<code>two</code>" in page

    fleet.down = True
    clock.advance(2)
    shop.tick()
    assert "This worker is on its own" in ask(shop, api.HOME).body.decode()


def test_without_a_fleet_nothing_is_shown_of_it(shop: System) -> None:
    """Nor said of orders."""
    assert said(ask(shop, api.STATE))["fleet"] is None
    assert "confirmed" not in said(act(shop, action="circuit.reset", name="payments"))
