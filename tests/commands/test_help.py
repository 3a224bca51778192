"""Commands help those who use them."""

from collections.abc import Iterator

import click
import pytest

from resilience.cli import assembled
from tests.commands.running import run


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str) -> None:
    """For each shell."""
    assert "_RESILIENCE_COMPLETE" in run("completion", shell).stdout


def commands(group: click.Group, *above: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield the words and the command of each that is shown, and of those in it."""
    for name, command in group.commands.items():
        if not command.hidden:
            yield (*above, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)


def test_every_command_has_help_with_examples() -> None:
    """Groups and what is in them included."""
    for words, command in commands(assembled()):
        said = run(*words, "--help").stdout
        assert len(command.get_short_help_str()) > 10, words
        assert "Example" in said, words
