"""The history page in Chromium: an incident that is over, found and read again."""

import pytest
from playwright.sync_api import BrowserContext, expect

from resilience import System
from tests.history.conftest import START
from tests.web.admin.dashboards import flask_dashboard
from tests.web.admin.test_dashboard_in_a_browser import (  # noqa: F401 - fixtures, by their names
    browser,
    context,
    pytestmark,
)


@pytest.mark.parametrize("width", [1280, 390])
def test_an_incident_is_read_and_kept_as_a_link(
    context: BrowserContext,  # noqa: F811 - the fixture
    outage: System,
    width: int,
) -> None:
    """From the dashboard to the incident, and back to it by its link; on a phone, too."""
    with flask_dashboard(outage) as address:
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{address}/resilience/")
        page.get_by_role("link", name="History").click()
        expect(page.get_by_role("heading", name="History")).to_be_visible()

        page.goto(f"{address}/resilience/history?from={START - 60:.0f}&to={START + 300:.0f}")
        expect(page.get_by_text("there was 1 incident")).to_be_visible()
        expect(page.get_by_text("Service went to the level minimal by ada")).to_be_visible()
        expect(page.locator("svg.chart").first).to_be_visible()
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0

        page.get_by_role("link", name="Permalink to this incident").click()
        expect(page.get_by_text("Calls to payments went through again.")).to_be_visible()
