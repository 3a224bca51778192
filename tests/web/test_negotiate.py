"""Who gets a page, and who gets JSON."""

import pytest

from resilience.web.negotiate import prefers_html

PAGE = [
    "text/html",
    "TEXT/HTML",
    "text/html;level=1",
    "text/*",
    "text/html, */*",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "application/json;q=0.5, text/html;q=0.6",
    "*/*, application/*;q=0.1",
    "text/html, application/*",
    "text/html, application/json;q=0",
]
JSON = [
    "",
    "*/*",
    "application/json",
    "application/problem+json",
    "application/json, text/html",
    "text/html, application/problem+json",
    "text/html;q=0.5, application/json",
    "text/html;q=0.5, */*;q=0.6",
    "text/html;q=0",
    "text/html;q=0, application/*;q=0",
    "text/html;q=2",
    "text/html;q=nan",
    "text/html;q=",
    "image/png",
    ",;,",
    "text/html;q=0.9, application/*",
]


@pytest.mark.parametrize("accept", PAGE)
def test_a_page_for_those_who_prefer_it(accept: str) -> None:
    """Of the same quality, what is named more exactly is preferred."""
    assert prefers_html(accept)


@pytest.mark.parametrize("accept", JSON)
def test_json_for_everyone_else(accept: str) -> None:
    """Also for those who do not care, and for headers that make no sense."""
    assert not prefers_html(accept)
