"""`resilience doctor`: what is built so that it will not hold."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import click
from rich.text import Text

from resilience.commands.loading import app_in
from resilience.commands.running import COMMAND_LINE, app_at, asks_app, unwell
from resilience.commands.showing import COLOURS, as_json, cell, printed
from resilience.systems import System, system
from resilience.web.checkup import HINT, checkup, plain
from resilience.web.views import note_bypassed


@click.command(
    epilog="\b\nExamples:\n  resilience doctor shop:create_app()\n"
    "  resilience doctor --url https://shop.example      what a running worker has seen\n"
    "  resilience doctor shop.app --server-timeout 30 --json\n\n\b\n"
    "Leaves with 3 where it finds more than hints."
)
@click.argument("app", metavar="[MODULE[:APP]]", required=False)
@asks_app
@click.option(
    "--server-timeout", type=click.FloatRange(0, min_open=True),
    help="Seconds after which the server ends a request; default: gunicorn's, if it tells.",
)  # fmt: skip
def doctor(
    app: str | None, url: str | None, token: str | None, as_json: bool, server_timeout: float | None
) -> None:
    """Find what is mis-built: in an app that is imported here, or in one that runs.

    A running one knows its traffic as well: thresholds that it never reaches, and fallbacks that
    never ran.
    """
    context = click.get_current_context()
    found = context.find_object(System)
    if app is not None and url and context.get_parameter_source("url") is COMMAND_LINE:
        raise click.UsageError("give an app that is imported here, or --url of one that runs")
    if app is not None:
        told = plain(_local(app, server_timeout))
    elif found is not None and not url:
        note_bypassed(found, _views_here())
        told = plain(checkup(found, server_timeout=server_timeout))
    else:
        with app_at(url, token) as server:
            told = server.checkup(server_timeout)
    _tell(told, in_json=as_json)


def _local(place: str, server_timeout: float | None) -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is among the findings
        app = app_in(place)
        found = _system_of(app)
        note_bypassed(found, views_of(app))
    return checkup(found, server_timeout=server_timeout)


def _views_here() -> Iterable[tuple[str, Any]]:
    """Return the path and the view of every route of the app that the command runs in."""
    flask: Any = sys.modules.get("flask")
    if flask is not None and flask.has_app_context():
        return views_of(flask.current_app)
    return _views_of_project()


def _system_of(app: Any) -> System:
    """Return the system that an app was given, else the process-wide one."""
    state = getattr(app, "extensions", {}).get("resilience")
    state = state or getattr(getattr(app, "state", None), "resilience", None)
    found = getattr(state, "system", None)
    return found if isinstance(found, System) else system


def views_of(app: Any) -> Iterable[tuple[str, Any]]:
    """Return the path and the view of every route of an app, in any of the frameworks."""
    if hasattr(app, "view_functions"):
        rules = app.url_map.iter_rules()
        return [(rule.rule, app.view_functions.get(rule.endpoint)) for rule in rules]
    if hasattr(app, "routes"):
        found: Iterable[tuple[str, Any]] = import_module("resilience_starlette.routing").views(
            app.routes
        )
        return found
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        import_module("django").setup()
        return _views_of_project()
    return ()


def _views_of_project() -> Iterable[tuple[str, Any]]:
    found: Iterable[tuple[str, Any]] = import_module("resilience_django.views").views()
    return found


def _tell(told: dict[str, Any], *, in_json: bool) -> None:
    found = told["findings"]
    if in_json:
        as_json(told)
    else:
        printed(*(_lines(each) for each in found))
        click.echo(_summary(told["counts"]) if found else "nothing found")
    if any(each["severity"] != HINT for each in found):
        raise unwell("some of it will not hold")


def _lines(finding: dict[str, Any]) -> Text:
    severity = finding["severity"]
    return Text.assemble(
        (severity, COLOURS.get(severity, "")), " ", (cell(finding["where"]), "bold"),
        f" ({cell(finding['check'])})\n  {cell(finding['what'])}\n  -> {cell(finding['do'])}\n",
    )  # fmt: skip


def _summary(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}{'s' * (number != 1)}" for name, number in counts.items())
