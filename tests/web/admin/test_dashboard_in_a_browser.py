"""The dashboard in Chromium: what people see and do during an incident."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from resilience import System
from tests.web.admin.dashboards import DASHBOARDS, shop_system

CHROMIUM = shutil.which("chromium")
PATIENCE = 20_000  # milliseconds

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


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
    # Chromium says so of every answer from 400 on; what comes of it is tested.
    assert [each for each in wrong if "Failed to load resource" not in each] == []


@pytest.fixture
def system() -> System:
    """Give a system with a bit of everything."""
    return shop_system()


@pytest.fixture(params=list(DASHBOARDS))
def address(request: pytest.FixtureRequest, system: System) -> Iterator[str]:
    """Give the address of each framework's dashboard in turn."""
    made: Any = DASHBOARDS[request.param](system)
    with made as found:
        yield f"{found}/resilience/"


def opened(context: BrowserContext, address: str) -> Page:
    """Return a tab that shows the dashboard."""
    page = context.new_page()
    page.goto(address)
    return page


def row(page: Page, name: str) -> Any:
    """Return the row of a circuit or feature."""
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name, exact=True))


def trip(system: System) -> None:
    """Open the circuit for payments by failures."""
    for _ in range(2):
        with pytest.raises(ConnectionError):
            system.circuits["payments"].call(_refuse)


def _refuse() -> None:
    raise ConnectionError("refused by the bank")


def order(page: Page, button: str, reason: str) -> None:
    """Press a button, say why, and do it."""
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_role("dialog")).to_be_hidden(timeout=PATIENCE)


def test_a_circuit_opens_before_ones_eyes(
    context: BrowserContext, address: str, system: System
) -> None:
    """It comes first, with its last error, and the event is among what happened."""
    page = opened(context, address)
    expect(row(page, "payments").locator(".badge")).to_contain_text("closed")

    trip(system)

    expect(row(page, "payments").locator(".badge")).to_contain_text("open", timeout=PATIENCE)
    expect(row(page, "payments")).to_contain_text("ConnectionError: refused by the bank")
    first = page.locator("#circuits tbody th").first
    expect(first).to_have_text("payments")
    expect(page.locator(".timeline")).to_contain_text("circuit opened payments")


def test_an_order_is_seen_in_every_tab(
    context: BrowserContext, address: str, system: System
) -> None:
    """Forced closed in one, seen in the other; with who did it and why."""
    trip(system)
    first, second = opened(context, address), opened(context, address)

    order(first, "Force closed payments", "the bank is back")

    for page in (first, second):
        badge = row(page, "payments").locator(".badge")
        expect(badge).to_contain_text("forced closed", timeout=PATIENCE)
        expect(row(page, "payments")).to_contain_text("ada: the bank is back")
        expect(page.locator(".timeline")).to_contain_text("operator acted")
    assert system.circuits["payments"].state == "forced_closed"

    order(second, "Release payments", "it is well")

    expect(row(first, "payments").locator(".badge")).not_to_contain_text("forced", timeout=PATIENCE)


def test_the_level_is_lowered_and_features_go_off(
    context: BrowserContext, address: str, system: System
) -> None:
    """Those of low priority, and part of others; and come back."""
    page = opened(context, address)

    order(page, "Go to reduced", "too many visitors")

    expect(page.locator("#overview .badge").first).to_contain_text("reduced", timeout=PATIENCE)
    expect(row(page, "recommendations").locator(".badge")).to_contain_text("off")
    expect(row(page, "search")).to_contain_text("40 %")
    assert not system.degradation.enabled("recommendations")

    order(page, "Recover", "they have gone")

    expect(page.locator("#overview .badge").first).to_contain_text("normal", timeout=PATIENCE)
    assert system.degradation.enabled("recommendations")


def test_all_of_it_works_by_keyboard(context: BrowserContext, address: str, system: System) -> None:
    """The focus goes into the dialog and back to the button, also over a refresh."""
    page = opened(context, address)
    page.get_by_role("button", name="Reset payments").focus()

    page.keyboard.press("Enter")
    expect(page.get_by_label("Reason")).to_be_focused()
    expect(page.get_by_label("Percent", exact=True)).to_be_hidden()
    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("button", name="Reset payments")).to_be_focused()
    trip(system)
    expect(row(page, "payments").locator(".badge")).to_contain_text("open", timeout=PATIENCE)
    expect(page.get_by_role("button", name="Reset payments")).to_be_focused()


def test_what_is_refused_is_said_in_the_dialog(
    context: BrowserContext, address: str, system: System
) -> None:
    """Nothing is lost: it may be mended and sent again."""
    page = opened(context, address)
    page.get_by_role("button", name="Kill search").click()
    page.get_by_label("Reason").fill("broken")
    page.evaluate("document.querySelector('[name=reason]').value = ' '.repeat(3)")

    page.get_by_role("button", name="Do it").click()

    expect(page.get_by_role("alert")).to_contain_text("reason is missing")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert system.degradation.enabled("search")


def test_it_can_be_read_without_scripts(browser: Browser, address: str, system: System) -> None:
    """All that is known is there; buttons that could do nothing are not."""
    trip(system)
    context = browser.new_context(java_script_enabled=False)
    page = opened(context, address)

    expect(row(page, "payments")).to_contain_text("refused by the bank")
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    expect(page.get_by_role("button", name="Reset payments")).to_be_hidden()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(browser: Browser, address: str, system: System, scheme: Any) -> None:
    """Nothing is wider than the screen, and both schemes are there."""
    trip(system)
    context = browser.new_context(viewport={"width": 375, "height": 800}, color_scheme=scheme)
    page = opened(context, address)
    expect(page.locator("#live")).to_contain_text("live")

    widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert widths[0] <= widths[1]
    assert background == {"light": "rgb(246, 247, 245)", "dark": "rgb(20, 24, 26)"}[scheme]
    context.close()


def test_an_experiment_is_planned_run_and_halted(
    context: BrowserContext, address: str, system: System
) -> None:
    """From the page; what it showed is read there, too."""
    system.configure({"chaos": {"enabled": True, "require_approval": False}}, source="test")
    assert system.chaos.results() == []
    page = opened(context, address)
    page.get_by_role("button", name="Plan an experiment").click()
    page.get_by_label("Experiment", exact=True).fill("the bank is gone")
    page.get_by_label("Fault").select_option("outage")
    page.get_by_label("Target").fill("payments")
    page.get_by_label("Reason").fill("game day")
    page.get_by_role("button", name="Do it").click()
    expect(page.locator("#experiments")).to_contain_text("the bank is gone", timeout=PATIENCE)

    order(page, "Run the bank is gone", "game day")
    expect(page.locator("#experiments")).to_contain_text("running", timeout=PATIENCE)
    [run] = system.chaos.running()
    assert (run.experiment.fault.KIND, run.experiment.share, run.duration) == ("outage", 1.0, 60.0)

    order(page, "Halt all", "enough")
    expect(page.locator("#experiments")).to_contain_text("aborted: enough", timeout=PATIENCE)


def test_a_plan_that_cannot_be_says_why(
    context: BrowserContext, address: str, system: System
) -> None:
    """And stays open, with what was filled in."""
    system.configure({"chaos": {"enabled": True}}, source="test")
    assert system.chaos.results() == []
    page = opened(context, address)
    page.get_by_role("button", name="Plan an experiment").click()
    page.get_by_label("Experiment", exact=True).fill("x")
    page.get_by_label("Target").fill("paymets")
    page.get_by_label("Reason").fill("game day")
    page.get_by_role("button", name="Do it").click()

    expect(page.get_by_role("alert")).to_contain_text("did you mean 'payments'", timeout=PATIENCE)
    expect(page.get_by_label("Experiment", exact=True)).to_have_value("x")
