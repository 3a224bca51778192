"""Which running app a command asks, and how its refusals are told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any, TypeVar

import click

from resilience.web.admin.remote import Remote, RemoteError

F = TypeVar("F", bound=Callable[..., Any])

URL, TOKEN = "RESILIENCE_URL", "RESILIENCE_TOKEN"

COMMAND_LINE = click.core.ParameterSource.COMMANDLINE

ASKED = 6
"""How often each worker is asked on average until one is found: once in 400 times it is not."""

BETWEEN = 0.1
"""Seconds between two such questions: a server without traffic has the same worker answer each."""

NOT_WELL = 3
"""What a command leaves with that did its work and found something that is not well."""

NOBODY = (
    "What circuits and features are at is in the memory of the server's workers, which no other "
    f"process can reach. Give the address of a running one by --url or {URL}, and a token that "
    f"its `authorize` knows by {TOKEN}. What workers agree on is in their store: `resilience "
    "fleet`. What happened is in the journal: `resilience report`."
)


def asks_app(command: F) -> F:
    """Add the options that say which app is asked, and `--json`."""
    options = (
        click.option("--url", envvar=URL, callback=_given, help=f"Address of the app; or {URL}."),
        click.option(
            "--token", envvar=TOKEN, callback=_given, help=f"Bearer token; better given as {TOKEN}."
        ),
        click.option(
            "--json", "as_json", is_flag=True, callback=_given, help="Print JSON, for programs."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _given(context: click.Context, option: click.Parameter, value: Any) -> Any:
    """Return what was given to a command; else what its group was given, before the variable's."""
    name, group = option.name or "", context.parent
    for each in (context, group):
        if each is not None and each.get_parameter_source(name) is COMMAND_LINE:
            return value if each is context else each.params[name]
    return value


def orders_app(command: F) -> F:
    """Add what an order needs besides: why."""
    why = click.option("--reason", required=True, help="Why, in 1 to 200 characters; is kept.")
    return why(asks_app(command))


@contextmanager
def app_at(url: str | None, token: str | None) -> Iterator[Remote]:
    """Give the running app; what it refuses becomes a message.

    Raises:
        click.ClickException: no address was given, nobody answers, or it refuses.
    """
    if not url:
        raise click.ClickException(NOBODY)
    try:
        yield Remote(url, token or "")
    except RemoteError as error:
        raise click.ClickException(str(error)) from None


def ordered(app: Remote, order: Mapping[str, Any]) -> dict[str, Any]:
    """Order something; an experiment waits in one of the workers: ask until that one answers.

    Raises:
        RemoteError: it was refused, or nobody answered.
    """
    for asked in count(1):
        try:
            return app.order(order)
        except RemoteError as error:
            is_elsewhere = error.status == 404 and error.workers > 1
            if not (is_elsewhere and order["action"].startswith("chaos.")):
                raise
            if asked >= ASKED * error.workers:
                raise
            time.sleep(BETWEEN)
    raise AssertionError  # it counts on for ever


def unwell(said: str) -> click.exceptions.Exit:
    """Return what ends a command that found something that is not well."""
    click.echo(said, err=True)
    return click.exceptions.Exit(NOT_WELL)
