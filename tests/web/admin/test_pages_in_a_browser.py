"""Every page in Chromium: history, experiments and the fleet, for eyes, ears and keyboards."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from resilience import CircuitOpenError, Experiment, Latency, System
from resilience.history.reading import incidents_of
from resilience.web.history.document import document
from resilience.web.problems import answer_to
from tests.browser import IN_A_BROWSER, PATIENCE, order, problems
from tests.integrations.django_admin import LIVE_VIEW, people, project, served, session_of
from tests.web.admin.dashboards import (
    flask_dashboard,
    shop_system,
    starlette_dashboard,
    with_fleet,
    with_history,
)

PAGES = ["", "history?component=payments"]
DIALOGS = ["Force closed payments", "Plan an experiment"]

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module", autouse=True)
def session() -> Iterator[str]:
    """Give the session of somebody in Django; made before a browser brings an event loop."""
    with people():
        yield session_of("viewer")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a system with a past, and with two others beside it."""
    with with_fleet(with_history(tmp_path_factory.mktemp("journal"))) as made:
        yield made


@pytest.fixture(scope="module")
def address(system: System) -> Iterator[str]:
    """Give the dashboard's address."""
    with starlette_dashboard(system) as found:
        yield f"{found}/resilience/"


@pytest.fixture
def page(window: BrowserContext) -> Page:
    """Give an empty tab."""
    return window.new_page()


def test_the_history_of_an_incident(page: Page, address: str) -> None:
    """From the dashboard to the incident, to one component's chart, and by a link that lasts."""
    page.goto(address)

    page.get_by_role("link", name="History").click()

    expect(page.get_by_role("heading", name="History")).to_be_visible()
    expect(page.locator("main")).to_contain_text("there was 1 incident.")
    expect(page.locator(".timeline")).to_contain_text("Calls to payments were stopped")

    page.get_by_role("navigation", name="Component").get_by_role("link", name="payments").click()

    expect(page.locator("svg.chart").first).to_be_visible()
    assert "component=payments" in page.url

    page.get_by_role("link", name="Permalink to this incident").click()

    expect(page.locator(".timeline")).to_contain_text("Calls to payments were stopped")
    anchor = page.url.partition("#")[2]
    expect(page.locator(f"[id='{anchor}']")).to_be_in_viewport()

    page.get_by_role("link", name="Dashboard").click()

    expect(page.locator("#circuits")).to_be_visible()


def test_an_experiment_is_approved_run_and_halted(page: Page, address: str, system: System) -> None:
    """Planned by somebody else; its result stays on the page, in words."""
    experiment = Experiment("slow prices", Latency(0.0), "prices", duration=300)
    system.chaos.plan(experiment, actor="bob")
    page.goto(address)
    row = page.locator("#experiments tbody tr").filter(has_text="slow prices").first
    expect(row).to_contain_text("asked for by bob")

    order(page, "Approve slow prices")
    expect(row).to_contain_text("approved by ada", timeout=PATIENCE)
    order(page, "Run slow prices")

    expect(row).to_contain_text("running", timeout=PATIENCE)
    system.circuits["prices"].call(int)
    expect(row).to_contain_text("1 of 1", timeout=PATIENCE)

    order(page, "Halt all")

    expect(row).to_contain_text("aborted: to know (ada)", timeout=PATIENCE)
    assert system.chaos.running() == []
    assert system.chaos.results()[-1].injected == 1


def test_who_is_in_the_fleet(page: Page, address: str) -> None:
    """Each worker with its host and what it has taken in."""
    page.goto(address)

    fleet = page.get_by_role("region", name="Fleet")

    expect(fleet).to_contain_text("3 workers share")
    for name in ("checkout-1", "checkout-2", "checkout-3"):
        expect(fleet.get_by_role("rowheader", name=name)).to_be_visible()


def test_an_order_reaches_the_fleet(page: Page, address: str) -> None:
    """Each of the others does it too, and the page says when; on a phone."""
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto(address)
    fleet = page.get_by_role("region", name="Fleet")
    others = [fleet.get_by_role("row").filter(has_text=f"checkout-{each}") for each in (2, 3)]

    order(page, "Go to minimal")

    for each in others:
        expect(each.locator(".badge")).to_contain_text("minimal", timeout=PATIENCE)
        expect(each).not_to_contain_text("not yet confirmed", timeout=PATIENCE)

    order(page, "Recover")

    for each in others:
        expect(each.locator(".badge")).to_contain_text("normal", timeout=PATIENCE)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_everybody_can_use_every_page(
    browser: Browser, address: str, system: System, scheme: Any, width: int
) -> None:
    """Also who listens, sees badly, or has a keyboard or a phone; nothing is cut off."""
    with suppress(KeyError):
        system.circuits["prices"].shadow("on trial", "grace", 3600)
    _many_events(system)
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 740})
    page = context.new_page()
    found = {}
    for path in PAGES:
        page.goto(address + path)
        found[path] = problems(page)
    page.goto(address)
    for button in DIALOGS:
        page.get_by_role("button", name=button).click()
        found[button] = problems(page)
        box = page.get_by_role("dialog").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        page.get_by_role("button", name="Do it").scroll_into_view_if_needed()
        expect(page.get_by_role("button", name="Do it")).to_be_in_viewport()
        page.keyboard.press("Escape")
    context.close()

    assert found == {each: [] for each in (*PAGES, *DIALOGS)}


def _many_events(system: System) -> None:
    for _ in range(30):
        system.degradation.degrade("reduced", "too many visitors", actor="ada")
        system.degradation.recover(actor="ada")


def test_everybody_can_use_the_admin(browser: Browser, session: str) -> None:
    """In Django: the pages stand below its own, for somebody who may only look."""
    system = shop_system()
    context = browser.new_context(viewport={"width": 800, "height": 740})
    with project(system), served() as site:
        context.add_cookies([{"name": "sessionid", "value": session, "url": site}])
        page = context.new_page()
        _many_events(system)
        system.circuits["payments"].force_open("x" * 150, actor="ada")
        found = {}
        for path in PAGES:
            page.goto(site + LIVE_VIEW + path)
            expect(page).to_have_title(re.compile("Resilience"))
            found[path] = problems(page)
        context.close()
    system.stop()

    assert found == {path: [] for path in PAGES}


def test_everybody_can_read_what_is_not_the_dashboard(page: Page, system: System) -> None:
    """The answer to a call that was not made, and the report on an incident as a file."""
    rejected = answer_to(CircuitOpenError("payments", 30.0), "text/html", "/orders").body.decode()
    now = system.runtime.clock.time()
    read = system.journal.read
    report = document(now - 3600, now, incidents_of(read, now - 3600, now, None), read)

    found = {}
    for name, html in (("rejected", rejected), ("report", report)):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": 360, "height": 740})
            page.set_content(html)
            found[name, scheme] = problems(page)

    assert "<svg" in report
    assert found == {each: [] for each in found}


def test_history_under_wsgi(page: Page, system: System) -> None:
    """The same pages, where nothing is pushed and the journal is read by a thread."""
    with flask_dashboard(system) as found:
        page.goto(f"{found}/resilience/history")

        stopped = page.locator(".timeline", has_text="Calls to payments were stopped")
        expect(stopped).to_be_visible()
        assert problems(page) == []
