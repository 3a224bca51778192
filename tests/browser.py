"""A browser for tests of pages, and what a person does there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = shutil.which("chromium")
PATIENCE = 20_000  # milliseconds

IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt install chromium"),
]
"""The marks of a module of such tests."""

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a headless Chromium; it gives this thread an event loop, which Django's ORM refuses."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def window(browser: Browser) -> Iterator[BrowserContext]:
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


def row(page: Page, name: str) -> Any:
    """Return the row of a circuit, component or feature."""
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name, exact=True))


def badge(page: Page, name: str) -> Any:
    """Return what says in which state it is."""
    return row(page, name).locator(".badge").first


def order(page: Page, button: str, reason: str = "to know") -> None:
    """Press a button, say why, and do it."""
    from playwright.sync_api import expect

    page.bring_to_front()  # Chromium draws a tab behind another seldom
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_role("dialog")).to_be_hidden(timeout=PATIENCE)


def problems(page: Page) -> list[str]:
    """Return what axe-core finds wrong with a page for people who see, hear or move otherwise.

    Of WCAG 2.2 and good practice all that a program can tell, and whether it is too wide. What it
    cannot judge counts as wrong, but for signs beside words, and text in charts.
    """
    from axe_playwright_python.sync_playwright import Axe

    options = {
        "rules": {"target-size": {"enabled": True}},
        "resultTypes": ["violations", "incomplete"],
    }
    # What is selected is not renewed: nothing changes meanwhile.
    page.evaluate("getSelection().selectAllChildren(document.querySelector('main'))")
    told = Axe().run(page, options=options).response
    page.evaluate("getSelection().removeAllRanges()")
    found = [(rule, each) for rule in told["violations"] for each in rule["nodes"]]
    found += [
        (rule, each)
        for rule in told["incomplete"]
        for each in rule["nodes"]
        if {why["data"].get("messageKey") for why in each["any"]}.isdisjoint(_UNJUDGED)
    ]
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [f"{rule['id']}: {each['html']}" for rule, each in found] + (
        [f"{wide} pixels too wide"] if wide > 0 else []
    )


_UNJUDGED = {"nonBmp", "imgNode"}
