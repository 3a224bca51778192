"""`resilience report`: what happened, for those who ask afterwards."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from resilience.commands.source import Moment, journal_options, opened
from resilience.history.reading import incidents_of
from resilience.history.report import markdown, payload

_EXAMPLES = """\
\b
Examples:
  resilience report --since 2h
  resilience report --since 2025-06-01T12:00 --until 2025-06-01T14:00 --format html -o report.html
  resilience report --since 1d --component payments --json | jq .incidents
"""


@click.command(epilog=_EXAMPLES)
@journal_options
@click.option("--since", type=Moment(), default="1d", show_default=True, help="From when on.")
@click.option("--until", type=Moment(), help="Until when; default: now.")
@click.option("--component", help="Only incidents of this circuit or component.")
@click.option("--format", "form", type=click.Choice(["md", "html", "json"]), default="md")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, writable=True), help="A file.")
def report(  # noqa: PLR0917 - click gives them by name
    url: str | None,
    config: str | None,
    since: float,
    until: float | None,
    component: str | None,
    form: str,
    as_json: bool,
    output: str | None,
) -> None:
    """Write a report of the incidents in a stretch of time, in plain words."""
    end = time.time() if until is None else until
    if end <= since:
        raise click.UsageError("--until has to be later than --since")
    with opened(url, config) as store:
        found = incidents_of(store.read, since, end, component)
        if as_json or form == "json":
            text = json.dumps(payload(since, end, found), indent=2) + "\n"
        elif form == "html":
            from resilience.web.history.document import document

            text = document(since, end, found, store.read)
        else:
            text = markdown(since, end, found)
    if output is None:
        click.echo(text, nl=False)
    else:
        Path(output).write_text(text, encoding="utf-8")
