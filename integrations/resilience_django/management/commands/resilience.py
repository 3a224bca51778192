"""`manage.py resilience …`: the commands of `resilience`, at home in a project."""

from __future__ import annotations

import contextlib
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from resilience_django.state import current

PROGRAM = "manage.py resilience"


class _Parser(CommandParser):
    """Takes the options of all of Django's commands, and leaves every other word as it is."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Namespace:
        found: Namespace
        found, words = self.parse_known_args(args, namespace)
        found.words = words
        return found


class Command(BaseCommand):
    """Passes its words on to the commands of `resilience`; starts nothing in this process."""

    help = "Look at a running server and order it, find what is mis-built, read the journal."
    requires_system_checks: Sequence[str] = ()  # during an incident they may well fail

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return a parser that leaves words, `--help` included, to the commands."""
        parser = _Parser(prog=PROGRAM, add_help=False, allow_abbrev=False)
        made = super().create_parser(prog_name, subcommand, add_help=False, **kwargs)
        for action in made._actions:
            parser._add_action(action)
        return parser

    def handle(self, *_: Any, **options: Any) -> None:
        """Do what the words say.

        Raises:
            CommandError: it could not be done, or it was, and something is not well.
        """
        import click

        out: Any = self.stdout  # it ends every piece with a line's end; what is inside does not
        try:
            with contextlib.redirect_stdout(out._out):
                code = _assembled()(
                    options["words"], PROGRAM, obj=current().system, standalone_mode=False
                )
        except click.ClickException as error:
            raise CommandError(error.format_message(), returncode=error.exit_code) from None
        except click.Abort:
            raise CommandError("stopped", returncode=1) from None
        if code:
            raise CommandError("something is not well", returncode=code)


def _assembled() -> Any:
    try:
        from resilience.cli import assembled

        return assembled()
    except ModuleNotFoundError as error:
        raise CommandError(f"it needs {error.name}: pip install 'resilience-web[cli]'") from None
