"""The README tells the truth: its code runs, its links lead somewhere, it fits its page."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md")))]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str, page: str = "README.md") -> list[str]:
    """Return a page's code blocks of one language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


FIRST_EXAMPLE = """
from resilience import system

answers = [recommendations("ada") for _ in range(6)]

assert answers == [[]] * 6, answers
assert system.circuits["recommendations"].state == "open"
assert 8 < system.circuits["recommendations"].snapshot().retry_after <= 11
"""
FLASK = """
response = app.test_client().get("/health")

assert response.status_code == 200, response
"""


def run(*code: str) -> "subprocess.CompletedProcess[str]":
    """Run code in an interpreter of its own, as a reader would: circuits have names there."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(code)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_the_code_runs() -> None:
    """Every block runs, one after the other; the last one gives an app that answers."""
    ran = run(*blocks("python"), FLASK)

    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_first_example_does_what_is_said() -> None:
    """Nothing listens there: five failures open the circuit, and the list is empty throughout."""
    ran = run(blocks("python")[0], FIRST_EXAMPLE)

    assert (ran.returncode, ran.stderr) == (0, "")


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
