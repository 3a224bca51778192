"""Every page in Chromium: history, experiments and the fleet, for eyes, ears and keyboards."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from resilience import Experiment, Latency, System
from tests.web.admin.dashboards import (
    flask_dashboard,
    starlette_dashboard,
    with_fleet,
    with_history,
)

CHROMIUM = shutil.which("chromium")
PATIENCE = 20_000  # milliseconds
PAGES = ["", "history?component=payments"]

UNREADABLE = """() => {
  const light = ([r, g, b]) => [r, g, b].map((each) => each / 255)
    .map((each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
    .reduce((sum, each, at) => sum + each * [0.2126, 0.7152, 0.0722][at], 0);
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const ground = (each) => {
    for (; each; each = each.parentElement) {
      const found = parts(getComputedStyle(each).backgroundColor);
      if (found.length < 4 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const told = [];
  for (const each of document.querySelectorAll("body *:not(svg, svg *, script)")) {
    const own = [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !each.checkVisibility()) continue;
    const tones = [parts(getComputedStyle(each).color), ground(each)].map(light);
    const [dark, bright] = tones.sort((a, b) => a - b);
    const contrast = (bright + 0.05) / (dark + 0.05);
    if (contrast < 4.5) told.push(`${each.textContent.trim()}: ${contrast.toFixed(2)}`);
  }
  return told;
}"""
"""Text whose contrast is below WCAG 2.2's 4.5 : 1 (success criterion 1.4.3)."""

UNSPOKEN = """() => {
  const told = [];
  const name = (each) => each.getAttribute("aria-label") || each.textContent.trim()
    || [...(each.labels || [])].map((label) => label.textContent.trim()).join(" ");
  for (const each of document.querySelectorAll("a, button, input, select, textarea")) {
    if (!name(each)) told.push(`no name: ${each.outerHTML}`);
  }
  for (const each of document.querySelectorAll("table")) {
    if (!each.caption) told.push(`no caption: ${each.textContent}`);
    if (each.querySelector("tbody tr:not(:has(th[scope=row]))")) told.push("a row without a head");
  }
  for (const each of document.querySelectorAll("svg:not([aria-hidden])")) {
    if (each.getAttribute("role") !== "img" || !name(each)) told.push("a picture without words");
  }
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  if (new Set(ids).size < ids.length) told.push(`an id twice: ${ids}`);
  for (const each of document.querySelectorAll("[aria-labelledby]")) {
    if (!document.getElementById(each.getAttribute("aria-labelledby"))) told.push(each.outerHTML);
  }
  const levels = [...document.querySelectorAll("h1, h2, h3, h4")].map((each) => +each.tagName[1]);
  if (levels.some((each, at) => each > (levels[at - 1] || 0) + 1)) told.push(`skips: ${levels}`);
  if (document.querySelectorAll("main").length !== 1) told.push("not one main");
  if (!document.documentElement.lang || !document.title) told.push("no language or title");
  return told;
}"""
"""What somebody who listens would miss (WCAG 2.2: 1.1.1, 1.3.1, 2.4.2, 3.1.1, 4.1.2)."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


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
def page(browser: Browser) -> Iterator[Page]:
    """Give an empty tab; what goes wrong in it fails the test."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    wrong: list[str] = []
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    context.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    yield context.new_page()
    context.close()
    assert wrong == []


def order(page: Page, button: str) -> None:
    """Press a button, say why, and do it."""
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_label("Reason").fill("to know")
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_role("dialog")).to_be_hidden(timeout=PATIENCE)


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_and_listened_to(
    browser: Browser, address: str, system: System, scheme: Any
) -> None:
    """Contrast, names, captions, headings and languages; on a phone nothing is cut off."""
    with suppress(KeyError):
        system.circuits["prices"].shadow("on trial", "grace", 3600)
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    found = {}
    for path in PAGES:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(address + path)
        seen = [*page.evaluate(UNREADABLE), *page.evaluate(UNSPOKEN)]
        page.set_viewport_size({"width": 360, "height": 740})
        width = page.evaluate("document.documentElement.scrollWidth")
        found[path] = [*seen, *([f"{width} pixels wide"] if width > 360 else [])]
    page.goto(address)
    for button in ("Reset payments", "Plan an experiment"):
        page.get_by_role("button", name=button).click()
        found[button] = [*page.evaluate(UNREADABLE), *page.evaluate(UNSPOKEN)]
        box = page.get_by_role("dialog").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
        page.get_by_role("button", name="Do it").scroll_into_view_if_needed()
        expect(page.get_by_role("button", name="Do it")).to_be_in_viewport()
        page.keyboard.press("Escape")
    context.close()

    assert found == {path: [] for path in (*PAGES, "Reset payments", "Plan an experiment")}


def test_history_under_wsgi(page: Page, system: System) -> None:
    """The same pages, where nothing is pushed and the journal is read by a thread."""
    with flask_dashboard(system) as found:
        page.goto(f"{found}/resilience/history")

        stopped = page.locator(".timeline", has_text="Calls to payments were stopped")
        expect(stopped).to_be_visible()
