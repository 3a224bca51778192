"""Take the pictures of the dashboard for these pages: `python docs/screenshots.py`.

It needs Chromium and what the tests need; run it from the root of a checkout.
"""

import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import sync_playwright  # noqa: E402

from resilience import System  # noqa: E402
from tests.web.admin.dashboards import shop_system, starlette_dashboard  # noqa: E402

PICTURES: dict[str, dict[str, Any]] = {
    "dashboard-light": {"viewport": {"width": 1280, "height": 1000}, "color_scheme": "light"},
    "dashboard-dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "dashboard-phone": {"viewport": {"width": 390, "height": 1100}, "color_scheme": "light"},
}


def main() -> None:
    """Take all of them, in the middle of an incident."""
    system = shop_system()
    with starlette_dashboard(system) as address, sync_playwright() as playwright:
        _break(system)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for name, options in PICTURES.items():
            page = browser.new_page(**options)
            page.goto(f"{address}/resilience/")
            page.get_by_text("live, ").wait_for()
            page.screenshot(path=ROOT / "docs" / "pictures" / f"{name}.png")
            if name == "dashboard-light":
                page.get_by_role("button", name="Force closed payments").click()
                page.get_by_label("Reason").fill("the bank is back, see its status page")
                page.screenshot(path=ROOT / "docs" / "pictures" / "dashboard-order.png")
        browser.close()


def _break(system: System) -> None:
    """Let some seconds pass with calls, of which those for payments fail in the end."""
    for second in range(40):
        for call in range(second % 7 + 3):
            system.circuits["prices"].call(int)
            with suppress(Exception):
                system.circuits["payments"].call(_answer, second, call)
        system.recent.look()
    system.circuits["prices"].shadow("new limits on trial", "grace", 3600)
    system.degradation.degrade("reduced", "payments are down", actor="ada", for_=3600)


def _answer(second: int, call: int) -> None:
    if second > 30 and (call % 2 or second > 34):
        raise ConnectionError("the bank refused the connection")


if __name__ == "__main__":
    main()
