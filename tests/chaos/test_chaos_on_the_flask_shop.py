"""A real experiment on the shop in Flask, with its upstream, on the machine's clock."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from itertools import count

import pytest

import storefront.orders
from resilience import Experiment, Latency, Outage, System
from tests.examples.shops import FlaskShop, running_upstream


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """Give the system, on which experiments may run, that the shop belongs to in this test."""
    own = System({"chaos": {"enabled": True, "check_interval": 0.02}})
    with monkeypatch.context() as patch:
        FlaskShop.rewire(patch, own)
        yield own
    importlib.reload(FlaskShop.upstream_module)
    importlib.reload(storefront.orders)


@pytest.fixture
def shop(system: System) -> Iterator[FlaskShop]:
    """Give the shop."""
    with running_upstream() as upstream:
        opened = FlaskShop(upstream)
        yield opened
        opened.close()


def test_the_shop_keeps_its_page_while_an_experiment_takes_its_prices(
    shop: FlaskShop, system: System
) -> None:
    """Its page answers all the time; the circuit opens, the upstream is not asked, and it ends."""

    def page_answers() -> bool:
        return bool(shop.get("/").status_code == 200)

    page_answers()
    calls = shop.calls("/prices")

    result = system.chaos.run(
        Experiment("gone", Outage(), "prices", duration=1.0, steady_state=[page_answers])
    )

    assert result.status == "completed", result.reason
    assert result.injected >= 1
    assert any("circuit 'prices' opened" in each for each in result.observations)
    assert not any("never opened" in each for each in result.recommendations)
    assert shop.calls("/prices") <= calls + 2  # the looks before and after it
    system.circuits["prices"].reset()
    assert "X-Degraded" not in shop.get("/").headers


def test_an_experiment_that_its_callers_notice_is_aborted(shop: FlaskShop, system: System) -> None:
    """Nothing stands in for a payment: the steady state breaks, and payments work again."""
    orders = count(1)

    def can_be_paid() -> bool:
        return bool(shop.buy(order=f"{next(orders)}-mug").status_code < 400)

    result = system.chaos.run(
        Experiment("unpaid", Outage(), "payment", duration=30.0, steady_state=[can_be_paid])
    )

    assert result.status == "aborted"
    assert "can_be_paid" in result.reason
    system.circuits["payment"].reset()
    assert can_be_paid()


def test_latency_shows_where_no_timeout_is(shop: FlaskShop, system: System) -> None:
    """The advice names the function, and what to put on it."""
    result = system.chaos.run(
        Experiment(
            "slow",
            Latency(0.3),
            "prices",
            duration=0.5,
            steady_state=[lambda: shop.get("/") and None],
        )
    )

    assert result.status == "completed", result.reason
    assert any("put @timeout on it" in each for each in result.recommendations)
