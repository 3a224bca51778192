"""The live view of Django's admin in Chromium, from the login on."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.integrations.django_project import set_up

set_up()

from django.contrib.auth.models import User  # noqa: E402

from resilience import Feature, System  # noqa: E402
from tests.browser import IN_A_BROWSER, PATIENCE, badge, order  # noqa: E402
from tests.integrations.django_admin import LIVE_VIEW, people, project, served  # noqa: E402

PASSWORD = "steep and pour"

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module", autouse=True)
def accounts() -> Iterator[None]:
    """Give people with passwords; made before a browser brings an event loop to this thread."""
    with people():
        for user in User.objects.filter(username__in=("viewer", "operator")):
            user.set_password(PASSWORD)
            user.save()
        yield


@pytest.fixture
def shop() -> System:
    """Give a system with a circuit and a feature, on the real clock."""
    made = System()
    made.circuits.get("payments", failure_threshold=2, reset_timeout=600)
    made.degradation.add(Feature("offers", priority=20))
    return made


@pytest.fixture
def address(shop: System) -> Iterator[str]:
    """Give the address of a site that is served by threads."""
    with project(shop), served() as found:
        yield found
    shop.stop()


def logged_in(window: BrowserContext, address: str, name: str) -> Page:
    """Return a tab that shows the live view, as somebody who came by the login."""
    page = window.new_page()
    page.goto(address + LIVE_VIEW)
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(address + LIVE_VIEW)
    return page


def trip(system: System) -> None:
    """Open the circuit by failures."""

    def refuse() -> None:
        raise ConnectionError("refused by the bank")

    for _ in range(2):
        with pytest.raises(ConnectionError):
            system.circuits["payments"].call(refuse)


def test_an_incident_from_the_admin(window: BrowserContext, address: str, shop: System) -> None:
    """A circuit opens before one's eyes; it is closed, the level lowered; a second tab follows."""
    first = logged_in(window, address, "operator")
    second = window.new_page()
    second.goto(address + LIVE_VIEW)
    expect(badge(first, "payments")).to_contain_text("closed")

    trip(shop)

    for page in (first, second):
        expect(badge(page, "payments")).to_contain_text("open", timeout=PATIENCE)

    order(first, "Force closed payments", "the bank is back")

    assert shop.circuits["payments"].state == "forced_closed"
    for page in (first, second):
        expect(badge(page, "payments")).to_contain_text("forced closed", timeout=PATIENCE)
        expect(page.locator("#circuits")).to_contain_text("operator: the bank is back")

    order(first, "Go to minimal", "too many visitors")

    assert not shop.degradation.enabled("offers")
    for page in (first, second):
        expect(page.locator("#overview .badge").first).to_contain_text("minimal", timeout=PATIENCE)
        expect(badge(page, "offers")).to_contain_text("off", timeout=PATIENCE)

    first.get_by_role("link", name="Django administration").click()

    expect(first.locator("#recent-actions-module")).to_contain_text("payments")


def test_a_viewer_watches_and_has_no_buttons(
    window: BrowserContext, address: str, shop: System
) -> None:
    """The page is as live."""
    page = logged_in(window, address, "viewer")
    expect(page.locator("#live")).to_contain_text("live")

    trip(shop)

    expect(badge(page, "payments")).to_contain_text("open", timeout=PATIENCE)
    expect(page.get_by_role("button")).to_have_count(0)


def test_who_was_logged_out_is_told(window: BrowserContext, address: str, shop: System) -> None:
    """The login is not shown in the place of the circuits."""
    page = logged_in(window, address, "viewer")

    window.clear_cookies()

    expect(page.locator("#live")).to_contain_text("signed out", timeout=PATIENCE)
    expect(badge(page, "payments")).to_contain_text("closed")
