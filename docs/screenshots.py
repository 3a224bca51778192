"""Take the pictures of the dashboard for these pages: `python docs/screenshots.py`.

It needs Chromium and what the tests need; run it from the root of a checkout.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, sync_playwright  # noqa: E402

from resilience import Experiment, Latency, System  # noqa: E402
from resilience.testing import FakeFleet, ManualClock  # noqa: E402
from tests.history.conftest import after_an_outage  # noqa: E402
from tests.integrations.django_admin import (  # noqa: E402
    LIVE_VIEW,
    people,
    project,
    served,
    session_of,
)
from tests.web.admin.dashboards import shop_system, starlette_dashboard  # noqa: E402

PICTURED = ROOT / "docs" / "pictures"

PICTURES: dict[str, dict[str, Any]] = {
    "dashboard-light": {"viewport": {"width": 1280, "height": 1000}, "color_scheme": "light"},
    "dashboard-dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "dashboard-phone": {"viewport": {"width": 390, "height": 1100}, "color_scheme": "light"},
}


def main() -> None:
    """Take all of them, in the middle of an incident."""
    with people():  # before a browser brings an event loop to this thread
        session = session_of("root")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            _dashboard(browser)
            _fleet(browser)
            _history(browser)
            _django(browser, session)
            browser.close()


def _dashboard(browser: Browser) -> None:
    system = shop_system()
    with starlette_dashboard(system) as address:
        _break(system)
        for name, options in PICTURES.items():
            page = browser.new_page(**options)
            page.goto(f"{address}/resilience/")
            page.get_by_text("live, ").wait_for()
            page.screenshot(path=PICTURED / f"{name}.png")
            if name == "dashboard-light":
                page.get_by_role("button", name="Force closed payments").click()
                page.get_by_label("Reason").fill("the bank is back, see its status page")
                page.screenshot(path=PICTURED / "dashboard-order.png")


def _fleet(browser: Browser) -> None:
    """Show the sections that a fleet and experiments have."""
    system = shop_system()
    system.configure({"chaos": {"enabled": True, "require_approval": False}}, source="pictures")
    store = FakeFleet(system.clock)
    system.fleet.use(store, worker="web-1-4711")
    others = [System(), System()]
    for number, other in enumerate(others, 2):
        other.fleet.use(store, worker=f"web-{number}-{4711 + number}")
        other.fleet.exchange()
    system.chaos.plan(Experiment("the bank is slow", Latency(2.0), "payments"), "ada")
    run = system.chaos.start(Experiment("prices are slow", Latency(0.0), "prices"), "grace")
    for _ in range(50):
        system.circuits["prices"].call(int)
    run.end("completed")
    system.fleet.roll()
    with starlette_dashboard(system) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}/resilience/")
        page.get_by_text("live, ").wait_for()
        page.locator("#experiments").screenshot(path=PICTURED / "dashboard-experiments.png")
        page.locator("#fleet").screenshot(path=PICTURED / "dashboard-fleet.png")
        page.get_by_role("button", name="Plan an experiment").click()
        page.get_by_role("dialog").screenshot(path=PICTURED / "dashboard-plan.png")


def _history(browser: Browser) -> None:
    """Show an outage that is over, from the journal."""
    with _outage() as system, starlette_dashboard(system) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        at = f"from={1_750_000_000 - 60}&to={1_750_000_000 + 300}"
        page.goto(f"{address}/resilience/history?{at}")
        page.screenshot(path=PICTURED / "history.png")


@contextmanager
def _outage() -> Iterator[System]:
    with tempfile.TemporaryDirectory() as folder:
        system = after_an_outage(f"sqlite:///{folder}/journal.db", ManualClock())
        yield system
        system.configure({"journal": {"enabled": False}})


def _django(browser: Browser, session: str) -> None:
    """Show the live view in Django's admin."""
    system = shop_system()
    _break(system)
    with project(system), served() as address:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_cookies([{"name": "sessionid", "value": session, "url": address}])
        page = context.new_page()
        page.goto(f"{address}{LIVE_VIEW}")
        page.get_by_text("live, ").wait_for()
        page.screenshot(path=PICTURED / "django-admin.png")


def _break(system: System) -> None:
    """Let some seconds pass with calls, of which those for payments fail in the end."""
    for second in range(40):
        for number in range(second % 7 + 3):
            system.circuits["prices"].call(int)
            with suppress(Exception):
                system.circuits["payments"].call(_answer, second, number)
        system.recent.look()
    system.circuits["prices"].shadow("new limits on trial", "grace", 3600)
    system.degradation.degrade("reduced", "payments are down", actor="ada", for_=3600)


def _answer(second: int, number: int) -> None:
    if second > 30 and (number % 2 or second > 34):
        raise ConnectionError("the bank refused the connection")


if __name__ == "__main__":
    main()
