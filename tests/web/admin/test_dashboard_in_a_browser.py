"""The dashboard in Chromium: what people see and do during an incident."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.integrations.django_project import set_up

set_up()

from django.contrib.auth.models import User  # noqa: E402

from resilience import System  # noqa: E402
from resilience.events import Worker  # noqa: E402
from tests.browser import IN_A_BROWSER, PATIENCE, order, row  # noqa: E402
from tests.integrations.django_admin import LIVE_VIEW, people, session_of  # noqa: E402
from tests.web.admin.dashboards import (  # noqa: E402
    DASHBOARDS,
    django_admin_by_uvicorn,
    shop_system,
)

ADMIN = "django's admin"
SERVED = {**DASHBOARDS, ADMIN: django_admin_by_uvicorn}
# Django's admin by threads is in tests/integrations, from the login on.
EVERYWHERE = pytest.mark.parametrize("address", ["flask", "fastapi", ADMIN], indirect=True)

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module", autouse=True)
def session() -> Iterator[str]:
    """Give the session of somebody in Django; made before a browser brings an event loop."""
    with people():
        User.objects.get_or_create(username="ada", is_staff=True, is_superuser=True)
        yield session_of("ada")


@pytest.fixture
def system() -> System:
    """Give a system with a bit of everything."""
    return shop_system()


@pytest.fixture(params=["flask", "starlette"])
def address(
    request: pytest.FixtureRequest, system: System, window: BrowserContext, session: str
) -> Iterator[str]:
    """Give the address of each framework's dashboard in turn: polled, and pushed."""
    made: Any = SERVED[request.param](system)
    with made as found:
        window.add_cookies([{"name": "sessionid", "value": session, "url": found}])
        yield found + (LIVE_VIEW if request.param == ADMIN else "/resilience/")


def opened(window: BrowserContext, address: str) -> Page:
    """Return a tab that shows the dashboard."""
    page = window.new_page()
    page.goto(address)
    return page


def trip(system: System) -> None:
    """Open the circuit for payments by failures."""
    for _ in range(2):
        with pytest.raises(ConnectionError):
            system.circuits["payments"].call(_refuse)


def _refuse() -> None:
    raise ConnectionError("refused by the bank")


@EVERYWHERE
def test_a_circuit_opens_before_ones_eyes(
    window: BrowserContext, address: str, system: System
) -> None:
    """It comes first, with its last error, and the event is among what happened."""
    page = opened(window, address)
    expect(row(page, "payments").locator(".badge")).to_contain_text("closed")

    trip(system)

    expect(row(page, "payments").locator(".badge")).to_contain_text("open", timeout=PATIENCE)
    expect(row(page, "payments")).to_contain_text("ConnectionError: refused by the bank")
    first = page.locator("#circuits tbody th").first
    expect(first).to_have_text("payments")
    expect(page.locator(".timeline")).to_contain_text("circuit opened payments")


@EVERYWHERE
def test_an_order_is_seen_in_every_tab(
    window: BrowserContext, address: str, system: System
) -> None:
    """Forced closed in one, seen in the other; with who did it and why."""
    trip(system)
    first, second = opened(window, address), opened(window, address)

    order(first, "Force closed payments", "the bank is back")

    for page in (first, second):
        badge = row(page, "payments").locator(".badge")
        expect(badge).to_contain_text("forced closed", timeout=PATIENCE)
        expect(row(page, "payments")).to_contain_text("ada: the bank is back")
        expect(page.locator(".timeline")).to_contain_text("operator acted")
    assert system.circuits["payments"].state == "forced_closed"

    order(second, "Release payments", "it is well")

    expect(row(first, "payments").locator(".badge")).not_to_contain_text("forced", timeout=PATIENCE)


@EVERYWHERE
def test_the_level_is_lowered_and_features_go_off(
    window: BrowserContext, address: str, system: System
) -> None:
    """Those of low priority, and part of others; and come back."""
    page = opened(window, address)

    order(page, "Go to reduced", "too many visitors")

    expect(page.locator("#overview .badge").first).to_contain_text("reduced", timeout=PATIENCE)
    expect(row(page, "recommendations").locator(".badge")).to_contain_text("off")
    expect(row(page, "search")).to_contain_text("40 %")
    assert not system.degradation.enabled("recommendations")

    order(page, "Recover", "they have gone")

    expect(page.locator("#overview .badge").first).to_contain_text("normal", timeout=PATIENCE)
    assert system.degradation.enabled("recommendations")


def test_all_of_it_works_by_keyboard(window: BrowserContext, address: str, system: System) -> None:
    """The focus goes into the dialog and back to the button, also over a refresh."""
    page = opened(window, address)
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


@pytest.mark.parametrize("address", ["starlette"], indirect=True)
def test_what_scrolls_is_reached_by_keyboard_and_stays_so(
    window: BrowserContext, address: str, system: System
) -> None:
    """Focus and position outlive the next board; what does not scroll is no stop."""
    for _ in range(30):
        system.degradation.degrade("reduced", "too many visitors", actor="ada")
        system.degradation.recover(actor="ada")
    page = opened(window, address)
    timeline = page.locator(".timeline")
    # In one step, as the board may be a new one in the next.
    page.evaluate("""() => {
        const timeline = document.querySelector(".timeline");
        timeline.focus();
        timeline.scrollTo({top: 200, behavior: "instant"});
    }""")

    trip(system)

    expect(row(page, "payments").locator(".badge")).to_contain_text("open", timeout=PATIENCE)
    expect(timeline).to_be_focused()
    assert page.evaluate("document.querySelector('.timeline').scrollTop") == 200
    expect(page.locator("#features .wide")).not_to_have_attribute("tabindex", "0")


@pytest.mark.parametrize("address", ["starlette"], indirect=True)
def test_what_is_selected_is_not_taken_away(
    window: BrowserContext, address: str, system: System
) -> None:
    """An error can be copied; the page says that it waits, and goes on afterwards."""
    trip(system)
    page = opened(window, address)
    # At once, as the board may be renewed between finding it and selecting it.
    page.evaluate(
        "getSelection().selectAllChildren(document.querySelector('[data-head=\"Last error\"]'))"
    )
    system.degradation.degrade("reduced", "too many visitors", actor="ada")

    expect(page.locator("#live")).to_contain_text("held while text is selected", timeout=PATIENCE)
    assert "refused by the bank" in page.evaluate("getSelection().toString()")
    expect(page.locator("#overview .badge").first).to_contain_text("normal")

    page.evaluate("getSelection().removeAllRanges()")

    expect(page.locator("#overview .badge").first).to_contain_text("reduced", timeout=PATIENCE)


@pytest.mark.parametrize("address", ["flask"], indirect=True)
def test_a_button_stays_under_the_finger(window: BrowserContext, address: str) -> None:
    """A board that comes between press and release does not swallow the click."""
    page = opened(window, address)
    page.get_by_role("button", name="Reset payments").hover()
    with page.expect_response("**/*part=board") as fetched:
        page.mouse.down()
    fetched.value.finished()
    page.evaluate("new Promise((seen) => setTimeout(seen, 100))")

    page.mouse.up()

    expect(page.get_by_role("dialog")).to_be_visible()


@pytest.mark.parametrize("address", ["starlette"], indirect=True)
def test_where_streams_are_refused_it_asks(
    window: BrowserContext, address: str, system: System
) -> None:
    """By a proxy, say; it is as live, and says what has changed to who listens."""
    refused = []

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=502)

    window.route("**/api/stream*", refuse)
    page = opened(window, address)
    expect(page.locator("#live")).to_contain_text("live,", timeout=PATIENCE)

    trip(system)

    expect(row(page, "payments").locator(".badge")).to_contain_text("open", timeout=PATIENCE)
    expect(page.locator("#said")).to_contain_text("payments: open")
    expect(page.locator("#live")).to_match_aria_snapshot("- status: live")  # and not the time
    assert len(refused) == 1


@pytest.mark.parametrize("address", ["starlette"], indirect=True)
def test_a_tab_behind_others_asks_for_nothing(
    window: BrowserContext, address: str, system: System
) -> None:
    """Its stream ends; it begins again, and is trusted, when somebody looks."""
    page = window.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(address)))
    page.clock.install()
    page.goto(address)
    expect(page.locator("#live")).to_contain_text("live,", timeout=PATIENCE)
    hide = "Object.defineProperty(document, 'hidden', {configurable: true, get: () => %s})"

    page.evaluate(hide % "true")
    page.clock.run_for(60_000)
    trip(system)
    page.evaluate(hide % "false")
    page.clock.run_for(1_000)

    expect(row(page, "payments").locator(".badge")).to_contain_text("open", timeout=PATIENCE)
    page.clock.run_for(5_000)
    assert [each for each in asked if "part=board" in each] == ["api/stream?part=board"] * 2


@pytest.mark.parametrize("address", ["flask"], indirect=True)
def test_that_workers_differ_is_no_news(window: BrowserContext, address: str) -> None:
    """Each look may be answered by another one; who listens is not told each time."""
    seen = []

    def answer(route: Route) -> None:
        html = route.fetch().text()
        seen.append(html)
        if len(seen) % 2:
            html = html.replace(Worker.name(), "another").replace("> closed<", "> open<")
        route.fulfill(body=html, headers={"X-Resilience-Wait": "0.1"})

    window.route("**/*part=board", answer)
    page = opened(window, address)
    for state in ("open", "closed", "open", "closed"):
        expect(row(page, "payments").locator(".badge")).to_contain_text(state, timeout=PATIENCE)

    assert "payments" not in (page.locator("#said").text_content() or "")


def test_what_is_refused_is_said_in_the_dialog(
    window: BrowserContext, address: str, system: System
) -> None:
    """Nothing is lost: it may be mended and sent again."""
    page = opened(window, address)
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


@pytest.mark.parametrize("address", ["starlette"], indirect=True)
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
    window: BrowserContext, address: str, system: System
) -> None:
    """From the page; what it showed is read there, too."""
    system.configure({"chaos": {"enabled": True, "require_approval": False}}, source="test")
    assert system.chaos.results() == []
    page = opened(window, address)
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
    window: BrowserContext, address: str, system: System
) -> None:
    """And stays open, with what was filled in."""
    system.configure({"chaos": {"enabled": True}}, source="test")
    assert system.chaos.results() == []
    page = opened(window, address)
    page.get_by_role("button", name="Plan an experiment").click()
    page.get_by_label("Experiment", exact=True).fill("x")
    page.get_by_label("Target").fill("paymets")
    page.get_by_label("Reason").fill("game day")
    page.get_by_role("button", name="Do it").click()

    expect(page.get_by_role("alert")).to_contain_text("did you mean 'payments'", timeout=PATIENCE)
    expect(page.get_by_label("Experiment", exact=True)).to_have_value("x")
