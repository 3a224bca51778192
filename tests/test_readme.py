"""The README tells the truth: its code runs, its links lead somewhere, it fits its page."""

import re
from pathlib import Path

import pytest

from resilience import system

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", "docs/flask.md"]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the README's code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def names() -> dict[str, object]:
    """Run all Python blocks, one after the other, as a reader would; give what they define."""
    found: dict[str, object] = {"__name__": "readme"}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), found)
    return found


def test_the_code_runs(names: dict[str, object]) -> None:
    """Every block runs; the last one gives an app that answers."""
    app = names["app"]

    response = app.test_client().get("/health")  # type: ignore[attr-defined]

    assert response.status_code == 200


def test_the_first_example_does_what_is_said(names: dict[str, object]) -> None:
    """Nothing listens there: five failures open the circuit, and the list is empty throughout."""
    recommendations = names["recommendations"]
    system.circuits["recommendations"].reset()

    answers = [recommendations("ada") for _ in range(6)]  # type: ignore[operator]

    assert answers == [[]] * 6
    assert system.circuits["recommendations"].state == "open"
    assert 8 < system.circuits["recommendations"].snapshot().retry_after <= 11
    system.circuits["recommendations"].reset()


def test_the_first_example_is_short() -> None:
    """The example has fewer than twelve lines, the page at most 110."""
    assert len(blocks("python")[0].splitlines()) < 12
    assert len(README.splitlines()) <= 110


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Every relative link names a file that is there."""
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)

    missing = [link for link in links if not (ROOT / page).parent.joinpath(link).exists()]

    assert missing == []
