"""The live view of Django's admin in Chromium, from the login on."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.integrations.django_project import set_up

set_up()

from django.contrib.auth.models import User  # noqa: E402

from resilience import Feature, System  # noqa: E402
from tests.integrations.django_admin import LIVE_VIEW, people, project, served  # noqa: E402

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 20_000  # milliseconds
PASSWORD = "steep and pour"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt install chromium"),
]


@pytest.fixture(scope="module")
def accounts() -> Iterator[None]:
    """Give people with passwords; made before a browser brings an event loop to this thread."""
    with people():
        for user in User.objects.filter(username__in=("viewer", "operator")):
            user.set_password(PASSWORD)
            user.save()
        yield


@pytest.fixture(scope="module")
def browser(accounts: None) -> Iterator[Browser]:
    """Give a headless Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Give a window of its own; what goes wrong in a page fails the test."""
    made = browser.new_context()
    made.set_default_timeout(PATIENCE)
    wrong: list[str] = []
    made.on("weberror", lambda error: wrong.append(str(error.error)))
    made.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    yield made
    made.close()
    # Chromium looks for an icon on the pages of the login.
    assert [each for each in wrong if "Failed to load resource" not in each] == []


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


def logged_in(context: BrowserContext, address: str, name: str) -> Page:
    """Return a tab that shows the live view, as somebody who came by the login."""
    page = context.new_page()
    page.goto(address + LIVE_VIEW)
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(address + LIVE_VIEW)
    return page


def state_of(page: Page, name: str) -> Any:
    """Return the badge of a circuit or feature."""
    of = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name, exact=True))
    return of.locator(".badge").first


def order(page: Page, button: str, reason: str) -> None:
    """Press a button, say why, and do it."""
    page.bring_to_front()  # Chromium draws a tab behind another seldom
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_role("dialog")).to_be_hidden(timeout=PATIENCE)


def trip(system: System) -> None:
    """Open the circuit by failures."""

    def refuse() -> None:
        raise ConnectionError("refused by the bank")

    for _ in range(2):
        with pytest.raises(ConnectionError):
            system.circuits["payments"].call(refuse)


def test_an_incident_from_the_admin(context: BrowserContext, address: str, shop: System) -> None:
    """A circuit opens before one's eyes; it is closed, the level lowered; a second tab follows."""
    first = logged_in(context, address, "operator")
    second = context.new_page()
    second.goto(address + LIVE_VIEW)
    expect(state_of(first, "payments")).to_contain_text("closed")

    trip(shop)

    for page in (first, second):
        expect(state_of(page, "payments")).to_contain_text("open", timeout=PATIENCE)

    order(first, "Force closed payments", "the bank is back")

    assert shop.circuits["payments"].state == "forced_closed"
    for page in (first, second):
        expect(state_of(page, "payments")).to_contain_text("forced closed", timeout=PATIENCE)
        expect(page.locator("#circuits")).to_contain_text("operator: the bank is back")

    order(first, "Go to minimal", "too many visitors")

    assert not shop.degradation.enabled("offers")
    for page in (first, second):
        expect(page.locator("#overview .badge").first).to_contain_text("minimal", timeout=PATIENCE)
        expect(state_of(page, "offers")).to_contain_text("off", timeout=PATIENCE)

    first.get_by_role("link", name="Django administration").click()

    expect(first.locator("#recent-actions-module")).to_contain_text("payments")


def test_a_viewer_watches_and_has_no_buttons(
    context: BrowserContext, address: str, shop: System
) -> None:
    """The page is as live."""
    page = logged_in(context, address, "viewer")
    expect(page.locator("#live")).to_contain_text("live")

    trip(shop)

    expect(state_of(page, "payments")).to_contain_text("open", timeout=PATIENCE)
    expect(page.get_by_role("button")).to_have_count(0)


def test_who_was_logged_out_is_told(context: BrowserContext, address: str, shop: System) -> None:
    """The login is not shown in the place of the circuits."""
    page = logged_in(context, address, "viewer")

    context.clear_cookies()

    expect(page.locator("#live")).to_contain_text("signed out", timeout=PATIENCE)
    expect(state_of(page, "payments")).to_contain_text("closed")
