"""What a person sees of every framework's shop, in a real browser."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from flaky_upstream.behaviour import Mode
from flaky_upstream.catalogue import PRICES
from tests.browser import IN_A_BROWSER
from tests.examples.shops import SHOPS, Shop, open_shop, running_upstream

SHOTS = os.environ.get("SCREENSHOTS")  # a folder that keeps what was seen

pytestmark = IN_A_BROWSER


@pytest.fixture(params=SHOPS, ids=[each.name for each in SHOPS])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    """Give each framework's shop in turn, with an upstream of its own."""
    with running_upstream() as upstream, open_shop(request.param, upstream) as opened:
        yield opened


@pytest.fixture
def address(shop: Shop) -> Iterator[str]:
    """Give the address at which the shop is served."""
    with shop.served() as served:
        yield served


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Give an empty page; what its console says is an error of the test."""
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []


def shoot(page: Page, name: str) -> None:
    """Keep a picture, if somebody wants to look."""
    if SHOTS is not None:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def test_all_is_well(page: Page, address: str) -> None:
    """Ten products with prices, three recommendations, no notice; buying one says thank you."""
    page.goto(address + "?user=ann")

    expect(page.get_by_role("heading", name="On the shelf")).to_be_visible()
    expect(page.get_by_role("button", name="Buy")).to_have_count(len(PRICES))
    expect(page.get_by_role("region", name="For you").get_by_role("link")).to_have_count(3)
    expect(page.get_by_role("status")).to_have_count(0)
    expect(page.locator("#mug .price")).to_have_text("€ 11.50")
    shoot(page, "healthy")

    page.get_by_role("button", name="Buy Mug").click()

    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    shoot(page, "receipt")


def test_a_sick_upstream_is_said_plainly(shop: Shop, page: Page, address: str) -> None:
    """The shelf is full; each price says that it is an earlier one; no recommendations."""
    page.goto(address)
    shop.tell(Mode.FAIL)

    page.reload()

    notices = page.get_by_role("status")
    expect(notices).to_contain_text("Earlier prices.")
    expect(notices).to_contain_text("No recommendations.")
    expect(page.get_by_role("button", name="Buy")).to_have_count(len(PRICES))
    expect(page.get_by_text("earlier price", exact=True)).to_have_count(len(PRICES))
    expect(page.get_by_role("region", name="For you")).to_have_count(0)
    shoot(page, "degraded")


def test_an_order_while_payment_is_open_is_answered_with_a_page(
    shop: Shop, page: Page, address: str
) -> None:
    """503 at once, when to come again, and the shelf warns the next visitor."""
    shop.tell(Mode.FAIL, "/payments")
    for _ in range(3):
        assert shop.buy().status_code == 502
    page.goto(address)
    expect(page.get_by_role("status")).to_contain_text("No orders for the moment.")
    shoot(page, "payment-down")

    with page.expect_response("**/orders") as answered:
        page.get_by_role("button", name="Buy Teapot").click()

    assert answered.value.status == 503
    assert int(answered.value.headers["retry-after"]) >= 1
    expect(page.get_by_role("heading", name="Service Unavailable")).to_be_visible()
    expect(page.get_by_text("does not answer at the moment")).to_be_visible()
    shoot(page, "rejected")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_by_day_and_by_night(
    shop: Shop, browser: Browser, address: str, scheme: str
) -> None:
    """360 pixels wide: nothing to scroll sideways; the ground follows the colour scheme."""
    context = browser.new_context(
        viewport={"width": 360, "height": 740},
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=True,
    )
    phone = context.new_page()
    phone.goto(address)
    shop.tell(Mode.FAIL)
    phone.reload()

    width = phone.evaluate("document.documentElement.scrollWidth")
    ground = phone.evaluate("getComputedStyle(document.body).backgroundColor")
    shoot(phone, f"phone-{scheme}")
    context.close()

    assert width == 360
    brightness = sum(int(part) for part in ground[4:-1].split(","))
    assert (brightness > 3 * 128) == (scheme == "light")


def test_it_needs_no_script(browser: Browser, address: str) -> None:
    """With scripts switched off it sells all the same."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)

    page.get_by_role("button", name="Buy Assam").click()

    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    context.close()
