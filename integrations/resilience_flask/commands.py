"""`flask resilience …`: the commands of `resilience`, at home in an app."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import with_appcontext

from resilience_flask.state import NAME, State


class Commands(click.Group):
    """The group whose commands are loaded when somebody asks for one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names."""
        return _assembled().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one."""
        return _assembled().get_command(ctx, cmd_name)


def _assembled() -> click.Group:
    try:
        from resilience.cli import assembled

        return assembled()
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"it needs {error.name}: pip install 'resilience-web[cli]'"
        ) from None


@click.group("resilience", cls=Commands)
@click.pass_context
@with_appcontext
def group(context: click.Context) -> None:
    """Look at a running server and order it, find what is mis-built, read the journal."""
    state: State = current_app.extensions[NAME]
    context.obj = state.system  # whose settings, journal and guards the commands take
