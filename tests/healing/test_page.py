"""The page on healing tells the truth."""

from tests.test_readme import blocks, run


def test_the_page_on_healing_runs() -> None:
    """All its blocks, one after the other."""
    ran = run(*blocks("python", "docs/healing.md"))

    assert ran.returncode == 0, ran.stderr
