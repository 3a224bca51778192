"""`resilience demo`: what is asked, checked before anything starts."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from math import isnan
from typing import Any

import click

from resilience.demo.frameworks import FRAMEWORKS
from resilience.demo.plan import ACTS, DemoError, Plan

NEEDED = ("gunicorn", "httpx2", "rich")
EXTRA = "pip install 'resilience-web[demo]'"

_EXAMPLES = """\
\b
Examples:
  resilience demo                     before, during and after an outage
  resilience demo --baseline          the same shop without resilience beside it
  resilience demo --framework starlette
  resilience demo --json | jq .       one JSON object, for programs
  resilience demo --acts rush         only more visitors than can be served
  resilience demo --serve --port 8000 keep it running, and break it yourself
  resilience demo --duration 10 --rate 80
"""

_PORT = click.IntRange(0, 65535)


class _Number(click.FloatRange):
    """A number in a range; "nan", which compares with nothing, is none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, or refuse it by the option's name."""
        number = float(super().convert(value, param, ctx))
        if isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


class _Acts(click.ParamType[tuple[str, ...]]):
    """Names of acts, with commas between them."""

    name = "NAME,…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the acts in the order they are played in, or refuse one by its name."""
        if isinstance(value, tuple):
            return value
        names = [each.strip() for each in str(value).split(",") if each.strip()]
        for name in names:
            if name not in ACTS:
                self.fail(f"{name!r} is none of {', '.join(ACTS)}", param, ctx)
        if not names:
            self.fail(f"give one of {', '.join(ACTS)}", param, ctx)
        return tuple(act for act in ACTS if act in names)


@click.command(epilog=_EXAMPLES)
@click.option(
    "--framework",
    type=click.Choice(sorted(FRAMEWORKS)),
    default="flask",
    show_default=True,
    help="Whose shop; starlette is FastAPI on it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print only one JSON object on stdout.")
@click.option(
    "--sqlite",
    is_flag=True,
    help="Keep orders in SQLite files even where PostgreSQL is installed.",
)
@click.option("--baseline", is_flag=True, help="Run the same without resilience, side by side.")
@click.option(
    "--serve",
    is_flag=True,
    help="Print the addresses, play the acts, then keep everything running until Ctrl-C.",
)
@click.option(
    "--acts",
    type=_Acts(),
    default=",".join(ACTS),
    show_default=True,
    help="What to play: an outage of the upstream; a rush of visitors (a Flask shop only).",
)
@click.option("--port", type=_PORT, default=0, help="The shop's port; 0: any free one.")
@click.option("--upstream-port", type=_PORT, default=0, help="The upstream's; 0: any free one.")
@click.option(
    "--duration",
    type=_Number(5, 3600),
    default=25.0,
    show_default=True,
    help="Seconds; the upstream is sick from a fifth to three fifths of them, and the orders' "
    "database has trouble in the last quarter.",
)
@click.option(
    "--rate",
    type=_Number(20, 100),
    default=40.0,
    show_default=True,
    help="Requests a second.",
)
def demo(**options: Any) -> None:
    """Watch a shop through an outage of what it calls, and through a rush of visitors.

    Starts a small service, a PostgreSQL for orders where one is installed, and a shop under
    gunicorn as real processes on loopback, sends steady traffic, breaks the service, mends it,
    cuts the connections to the orders, and shows circuits and answers as they change. The exit
    status is 0 only if the run was sound.
    """
    _check_needed(options["framework"])
    # Here, as it imports what was only now found to be there.
    from resilience.demo.run import run

    try:
        status = run(Plan(**options))
    except DemoError as error:
        click.echo(f"resilience demo: {error}", err=True)
        status = error.status
    sys.exit(status)


def _check_needed(framework: str) -> None:
    """Leave with one line if something is missing that the demo cannot do without."""
    needed = (*FRAMEWORKS[framework].needs, *NEEDED)
    missing = [name for name in needed if not _is_there(name)]
    if missing:
        click.echo(f"resilience demo needs {', '.join(missing)}: {EXTRA}", err=True)
        sys.exit(2)
    if sys.platform == "win32":
        click.echo("resilience demo needs gunicorn, which does not run on Windows", err=True)
        sys.exit(2)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # a finder refuses it, or it is marked as not there
        return False
