"""`resilience watch`: how a running app is, again and again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from resilience.commands.running import app_at, asks_app
from resilience.commands.showing import cell, table
from resilience.commands.state import CIRCUITS, EVENTS, STATUS, State, head_of
from resilience.web.admin.remote import Remote, RemoteError
from resilience.web.times import timestamp

SHOWN = 10

_WATCHED = "Ctrl-C ends it. Numbers are those of the worker that answers."


@click.command(
    epilog="\b\nExamples:\n  resilience watch\n  resilience watch --interval 1 | tee incident.log\n"
)
@asks_app
@click.option(
    "--interval", type=click.FloatRange(0.2, 3600), default=2.0, show_default=True, help="Seconds."
)
@click.option("--times", type=click.IntRange(1), help="Look so often, then end.")
def watch(
    url: str | None, token: str | None, as_json: bool, interval: float, times: int | None
) -> None:
    """Show how an app is, again and again; a line for each look where there is no terminal.

    It goes on while the app does not answer, unless it refuses the first look.
    """
    console = Console(highlight=False)
    try:
        with app_at(url, token) as app:
            looks = _looks(app, interval, times)
            if as_json or not console.is_terminal:
                for look in looks:
                    click.echo(_json(look) if as_json else _line(look))
                return
            with Live(console=console, screen=times is None, auto_refresh=False) as live:
                for look in looks:
                    live.update(_screen(look), refresh=True)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(0) from None


def _looks(app: Remote, interval: float, times: int | None) -> Iterator[State | RemoteError]:
    """Yield what each look sees.

    Raises:
        RemoteError: the first one is refused: no later one would see more.
    """
    looked = 0
    while True:
        try:
            yield app.state()
        except RemoteError as error:
            if not looked and 0 < error.status < 500:
                raise
            yield error
        looked += 1
        if times is not None and looked >= times:
            return
        time.sleep(interval)


def _json(look: State | RemoteError) -> str:
    if isinstance(look, RemoteError):
        return json.dumps({"at": _now(), "error": str(look)})
    return json.dumps({key: look[key] for key in STATUS if key in look})


def _line(look: State | RemoteError) -> str:
    if isinstance(look, RemoteError):
        return f"{_now()}  {cell(look)}"
    ill = [
        f"{each['name']} {each['state']}" for each in look["circuits"] if each["state"] != "closed"
    ]
    said = ", ".join(cell(each) for each in ill) or "all circuits closed"
    return f"{cell(look['at'])}  {head_of(look).plain}; {said}"


def _screen(look: State | RemoteError) -> Group:
    if isinstance(look, RemoteError):
        return Group(Text(cell(look), "bold red"), "", _WATCHED)
    circuits, events = look["circuits"][: 2 * SHOWN], look["events"][:SHOWN]
    head = (head_of(look), Text(f"at {cell(look['at'])}", "dim"))
    return Group(*head, "", table(CIRCUITS, circuits), "", table(EVENTS, events), "", _WATCHED)


def _now() -> str:
    return timestamp(time.time())
