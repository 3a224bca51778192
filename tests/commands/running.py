"""Commands, run as a shell does."""

import json
from typing import Any

from click.testing import CliRunner, Result

from resilience.cli import assembled


def run(*words: str) -> Result:
    """Run a command; an error of ours is raised, not swallowed."""
    return CliRunner().invoke(assembled(), list(words), catch_exceptions=False)


def told(*words: str) -> Any:
    """Return what a command tells programs."""
    return json.loads(run(*words, "--json").stdout)
