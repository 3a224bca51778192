"""`resilience completion`: what makes a shell complete the commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command(
    epilog="\b\nExamples:\n  resilience completion bash >> ~/.bashrc\n"
    "  resilience completion fish > ~/.config/fish/completions/resilience.fish\n"
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes a shell complete `resilience`."""
    found = get_completion_class(shell)
    assert found is not None  # click knows these three
    made = found(context.find_root().command, {}, "resilience", "_RESILIENCE_COMPLETE")
    click.echo(made.source())
