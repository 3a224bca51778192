"""Every framework's shop stays open, and says so, while the service behind it breaks."""

import importlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import storefront.orders
from flaky_upstream.behaviour import Mode
from flaky_upstream.catalogue import PRICES, recommendations
from flaky_upstream.server import Upstream
from resilience import CircuitState, System, system
from resilience.testing import ManualClock, force_open
from storefront.configuration import ShopConfigurationError
from storefront.products import on_sale
from tests.examples.shops import (
    BROWSER,
    TOKEN,
    Shop,
    document,
    open_shop,
)

CIRCUITS = ("prices", "recommendations", "payment")


@pytest.fixture
def shop(kind: type[Shop], upstream: Upstream) -> Iterator[Shop]:
    """Give a shop on the upstream."""
    with open_shop(kind, upstream) as opened:
        yield opened


@pytest.fixture
def own(kind: type[Shop], monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """Give the system, with a clock in hand, that the shop's guards belong to in this test."""
    manual = System(clock=ManualClock())
    with monkeypatch.context() as patch:
        kind.rewire(patch, manual)
        yield manual
    importlib.reload(kind.upstream_module)
    importlib.reload(storefront.orders)


def advance(own: System, seconds: float) -> None:
    """Let time pass for the shop's guards."""
    assert isinstance(own.runtime.clock, ManualClock)
    own.runtime.clock.advance(seconds)


def state(name: str) -> CircuitState:
    """Return the state of one of the shop's circuits."""
    return system.circuits[name].state


# -- while all is well ----------------------------------------------------------------------------


def test_the_page_shows_products_prices_and_recommendations(shop: Shop) -> None:
    """All that is on sale, with what the upstream says; nothing is called degraded."""
    answer = shop.get("/?user=ann", accept=BROWSER)

    assert (answer.status_code, answer.headers.get("X-Degraded")) == (200, None)
    assert answer.text.count('class="product"') == len(PRICES)
    assert all(each.price in answer.text for each in on_sale(PRICES).values())
    assert answer.text.count('<li><a href="#') == len(recommendations("ann"))
    assert 'class="notice"' not in answer.text


def test_the_api_tells_the_same(shop: Shop) -> None:
    """Products with cents, recommended skus, and that both are fresh."""
    told = document(shop.get("/api/shop/ann"))

    assert {each["sku"]: each["cents"] for each in told["products"]} == PRICES
    assert told["recommendations"] == recommendations("ann")
    assert told["freshness"] == {"prices": "fresh", "recommendations": "fresh"}


def test_an_order_is_paid(shop: Shop) -> None:
    """By the shop's price; 201 as JSON for programs, as a page for people."""
    answer, page = shop.buy("mug"), shop.buy("mug", order="8-mug", accept=BROWSER)

    assert (201, {"order": "7-mug", "sku": "mug", "cents": PRICES["mug"]}) == (
        answer.status_code,
        document(answer),
    )
    assert (page.status_code, "Thank you" in page.text) == (201, True)
    assert shop.calls("/payments") == 2


def test_an_order_may_be_json(shop: Shop) -> None:
    """A program need not name the order; it gets a number."""
    answer = shop.buy_json({"sku": "honey"})

    assert (201, PRICES["honey"]) == (answer.status_code, document(answer)["cents"])
    assert len(document(answer)["order"]) == 32


# -- while the upstream is sick -------------------------------------------------------------------


@pytest.mark.parametrize("mode", [Mode.FAIL, Mode.DROP])
def test_prices_become_the_last_known_ones(shop: Shop, mode: Mode) -> None:
    """The page is there, says which part is an earlier one, and so does the header."""
    shop.get("/")
    shop.tell(mode, "/prices")

    answer = shop.get("/", accept=BROWSER)

    assert (answer.status_code, answer.headers["X-Degraded"]) == (200, "prices=stale")
    assert "Earlier prices." in answer.text
    assert answer.text.count("earlier price</span>") == len(PRICES)
    assert "No recommendations." not in answer.text


def test_recommendations_may_be_missing(shop: Shop) -> None:
    """The rest of the page does not care."""
    shop.tell(Mode.FAIL, "/recommendations")

    page, told = shop.get("/", accept=BROWSER), document(shop.get("/api/shop/ann"))

    assert (page.status_code, page.headers["X-Degraded"]) == (200, "recommendations=fallback")
    assert "No recommendations." in page.text
    assert 'id="for-you"' not in page.text
    assert (told["recommendations"], told["freshness"]) == (
        [],
        {"prices": "fresh", "recommendations": "fallback"},
    )


def test_recommendations_go_off_by_level(own: System, shop: Shop) -> None:
    """They are what a shop can do without; the page says so in its own words."""
    own.degradation.degrade("reduced", "many visitors")

    page, told = shop.get("/", accept=BROWSER), document(shop.get("/api/shop/ann"))

    assert (page.status_code, page.headers["X-Degraded"]) == (200, "recommendations=off")
    assert "There is much to do in the shop" in page.text
    assert (told["recommendations"], told["freshness"]["recommendations"]) == ([], "off")
    assert shop.calls("/recommendations") == 0


def test_orders_are_taken_whatever_is_turned_away(own: System, shop: Shop) -> None:
    """What only decorates goes first, what sells never."""
    assert document(shop.get("/api/recommendations/ann"))["recommendations"]

    own.degradation.degrade("emergency", "far too many visitors")

    assert shop.get("/api/recommendations/ann").status_code == 503
    assert shop.get("/api/prices").status_code == 200
    assert shop.buy().status_code == 201


def test_three_failures_are_enough(shop: Shop) -> None:
    """The fourth page, and all after it, spare the upstream."""
    shop.get("/")
    shop.upstream.control.reset_counts()
    shop.tell(Mode.FAIL)

    statuses = {shop.get("/api/shop/ann").status_code for _ in range(10)}

    assert statuses == {200}
    assert (shop.calls("/prices"), shop.calls("/recommendations")) == (3, 3)
    assert state("prices") is state("recommendations") is CircuitState.OPEN


def test_a_hanging_upstream_costs_three_timeouts(kind: type[Shop], upstream: Upstream) -> None:
    """Threads wait for it three times, and never again."""
    with open_shop(kind, upstream, UPSTREAM_TIMEOUT=0.15) as shop:
        shop.get("/")
        shop.tell(Mode.HANG)
        for _ in range(3):
            shop.get("/api/prices")

        started = time.monotonic()
        answers = [shop.get("/api/prices") for _ in range(5)]

        assert time.monotonic() - started < 5 * 0.15
        assert {document(each)["freshness"]["prices"] for each in answers} == {"stale"}
        assert shop.calls("/prices") == 1 + 3


def test_prices_older_than_five_minutes_are_not_shown(own: System, shop: Shop) -> None:
    """Then there is no page either, and the answer is an honest 502."""
    shop.get("/")
    shop.tell(Mode.FAIL, "/prices")
    advance(own, 299)
    assert shop.get("/").status_code == 200

    advance(own, 1)

    assert [shop.get("/").status_code, shop.get("/api/prices").status_code] == [502, 502]
    assert shop.get("/").status_code == 503  # by now the circuit is open


def test_an_order_that_is_not_confirmed_is_a_502(shop: Shop) -> None:
    """Nothing stands in for a payment; JSON or a page says so."""
    shop.tell(Mode.FAIL, "/payments")

    answer, page = shop.buy(), shop.buy(accept=BROWSER)

    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "application/problem+json")
    assert "did not confirm your order" in document(answer)["detail"]
    assert (page.status_code, "did not confirm your order" in page.text) == (502, True)


def test_an_open_payment_is_a_503_at_once(own: System, shop: Shop) -> None:
    """With `Retry-After`; the page warns of it before anybody buys."""
    shop.tell(Mode.FAIL, "/payments")
    assert [shop.buy().status_code for _ in range(3)] == [502] * 3

    answer, page = shop.buy(), shop.get("/", accept=BROWSER)

    assert (answer.status_code, document(answer)["circuit"]) == (503, "payment")
    assert 1 <= int(answer.headers["Retry-After"]) <= 3
    assert shop.calls("/payments") == 3
    assert "No orders for the moment." in page.text


def test_a_browser_gets_a_page_for_an_open_payment(shop: Shop) -> None:
    """No JSON for people."""
    with force_open("payment"):
        answer = shop.buy(accept=BROWSER)

    assert (answer.status_code, answer.headers["Content-Type"].startswith("text/html")) == (
        503,
        True,
    )
    assert "does not answer at the moment" in answer.text


def test_one_good_call_after_the_wait_makes_all_fresh(own: System, shop: Shop) -> None:
    """Open for two seconds, give or take a tenth; then one call decides."""
    shop.get("/")
    shop.tell(Mode.FAIL, "/prices")
    for _ in range(3):
        shop.get("/api/prices")
    shop.tell(Mode.ANSWER)
    advance(own, 1.7)
    assert document(shop.get("/api/prices"))["freshness"] == {"prices": "stale"}

    advance(own, 0.6)

    assert document(shop.get("/api/prices"))["freshness"] == {"prices": "fresh"}
    assert own.circuits["prices"].state is CircuitState.CLOSED


def test_a_relapse_waits_three_seconds_at_most(own: System, shop: Shop) -> None:
    """A trial that fails is one call, and the wait grows to its limit."""
    shop.get("/")
    shop.tell(Mode.FAIL, "/prices")
    for _ in range(3):
        shop.get("/api/prices")

    for wait in (2.0, 3.0, 3.0):
        assert wait * 0.9 <= own.circuits["prices"].snapshot().retry_after <= wait * 1.1
        advance(own, wait * 1.1)
        shop.get("/api/prices")

    assert shop.calls("/prices") == 1 + 3 + 3


# -- whose mistake it is --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"),
    [(404, CircuitState.CLOSED), (429, CircuitState.OPEN), (503, CircuitState.OPEN)],
)
def test_only_the_upstreams_own_trouble_counts(
    shop: Shop, status: int, expected: CircuitState
) -> None:
    """A 404 says that we asked wrongly; a 429 that it has too much to do."""
    shop.tell(Mode.FAIL, "/recommendations", status)

    for _ in range(6):
        shop.get("/api/shop/ann")

    assert state("recommendations") is expected


@pytest.mark.parametrize(
    ("ask", "named"),
    [
        (lambda shop: shop.get("/api/shop/a%20b"), "user"),
        (lambda shop: shop.get("/?user=" + "x" * 41), "user"),
        (lambda shop: shop.buy(""), "sku"),
        (lambda shop: shop.buy("<b>"), "sku"),
        (lambda shop: shop.buy("mug", "a b"), "order"),
        (lambda shop: shop.buy_json(["mug"]), "JSON object"),
        (lambda shop: shop.buy_json(b"{"), ""),
    ],
)
def test_wrong_requests_are_refused(shop: Shop, ask: Callable[[Any], Any], named: str) -> None:
    """400 as a problem that names what is wrong; nothing is paid, and no circuit minds."""
    answers = [ask(shop) for _ in range(6)]

    assert {each.status_code for each in answers} == {400}
    assert answers[0].headers["Content-Type"] == "application/problem+json"
    assert named in document(answers[0])["detail"]
    assert shop.calls("/payments") == 0
    assert {state(name) for name in CIRCUITS} == {CircuitState.CLOSED}


def test_an_unknown_path_is_a_404_page_for_people(shop: Shop) -> None:
    """The framework's own errors look like the shop."""
    answer = shop.get("/tea-cosy", accept=BROWSER)

    assert (answer.status_code, "Back to the shelf" in answer.text) == (404, True)


def test_a_name_in_a_page_is_no_markup(shop: Shop) -> None:
    """What a client sent comes back as text."""
    page = shop.buy("<b>", accept=BROWSER)

    assert ("<b>" not in page.text, "&lt;b&gt;" in page.text) == (True, True)


# -- configuration --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "UPSTREAM_URL is ''"),
        ({"UPSTREAM_URL": "127.0.0.1:8001"}, "such as http://127.0.0.1:8001"),
        ({"UPSTREAM_URL": "http://x", "UPSTREAM_TIMEOUT": "soon"}, "seconds, 0.01 to 60"),
        ({"UPSTREAM_URL": "http://x", "UPSTREAM_TIMEOUT": "nan"}, "seconds, 0.01 to 60"),
        ({"UPSTREAM_URL": "http://x", "UPSTREAM_TIMEOUT": 0}, "seconds, 0.01 to 60"),
        ({"UPSTREAM_URL": "http://x", "SHOP_DATABASE": "orders.db"}, "give such as sqlite:///"),
        ({"UPSTREAM_URL": "http://x", "SHOP_DATABASE": "oracle7://x"}, "SHOP_DATABASE cannot"),
    ],
)
def test_it_refuses_to_start_without_what_it_needs(
    kind: type[Shop], monkeypatch: pytest.MonkeyPatch, config: dict[str, Any], said: str
) -> None:
    """In words that name the variable, what it is, and what is allowed."""
    for name in ("UPSTREAM_URL", "UPSTREAM_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(ShopConfigurationError, match=said):
        kind.factory.create_app(config)


def test_the_environment_configures_it(
    kind: type[Shop], monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    """Any circuit's setting by name, until another shop starts without it."""
    monkeypatch.setenv("RESILIENCE__CIRCUITS__PRICES__RESET_TIMEOUT", "0.5")
    monkeypatch.setenv("UPSTREAM_TIMEOUT", "soon")
    with open_shop(kind, upstream) as shop:
        assert shop.get("/api/prices").status_code == 200
        assert system.circuits["prices"].settings.reset_timeout == 0.5
    monkeypatch.delenv("RESILIENCE__CIRCUITS__PRICES__RESET_TIMEOUT")
    with open_shop(kind, upstream):
        assert system.circuits["prices"].settings.reset_timeout == 2.0

    with pytest.raises(ShopConfigurationError, match="UPSTREAM_TIMEOUT is 'soon'"):
        kind.factory.create_app({"UPSTREAM_URL": upstream.address})


@pytest.mark.parametrize(
    ("sent", "sees"),
    [
        ({}, False),
        ({"Authorization": "Bearer no"}, False),
        ({"Authorization": "Bearer "}, False),
        ({"Authorization": "Bearer ä".encode().decode("latin-1")}, False),
        ({"Authorization": f"Bearer {TOKEN}"}, True),
    ],
)
def test_only_the_token_opens_the_details_of_health(
    shop: Shop, sent: dict[str, str], sees: bool
) -> None:
    """Everybody learns the status; the holder of the token, every circuit."""
    told = document(shop.get("/health", **sent))

    assert (told["status"], "checks" in told) == ("pass", sees)
    if sees:
        assert {f"circuit:{name}" for name in CIRCUITS} <= set(told["checks"])


def test_without_a_token_nobody_sees_details(kind: type[Shop], upstream: Upstream) -> None:
    """An empty token is none, not one that is easy to guess."""
    with open_shop(kind, upstream, SHOP_HEALTH_TOKEN="") as shop:
        told = document(shop.get("/health", Authorization="Bearer "))

    assert "checks" not in told


def test_the_baseline_has_no_guards(
    kind: type[Shop], upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    """Every call reaches the sick upstream and fails; the log says why."""
    with open_shop(kind, upstream, SHOP_BASELINE="1") as shop:
        shop.get("/")
        shop.tell(Mode.FAIL)
        statuses = [shop.get("/api/prices").status_code for _ in range(10)]

        assert statuses == [502] * 10
        assert shop.calls("/prices") == 1 + 10
    assert "circuits and fallbacks are off" in caplog.text
    assert system.active
