"""The shops' own suites, which users copy."""

from pathlib import Path

from tests.plugin.suites import pytest_in

EXAMPLES = Path(__file__).parents[2] / "example_projects"


def test_the_shops_own_suites_pass() -> None:
    """All three in one process, with the plugin as it is installed."""
    done = pytest_in(EXAMPLES)

    assert "14 passed" in done.stdout, done.stdout + done.stderr
