"""`resilience tune`: what a circuit would have done with other settings."""

from __future__ import annotations

import json
import time
from typing import Any

import click

from resilience.commands.source import Moment, journal_options, opened, settings_of
from resilience.errors import ConfigurationError
from resilience.history.reading import calls_of
from resilience.history.replay import Replay, best, candidates, replay
from resilience.history.words import moment

SHOWN = 10

_EXAMPLES = """\
\b
Examples:
  resilience tune payments --since 7d
  resilience tune payments --try failure_threshold=10,reset_timeout=5
"""


class Candidate(click.ParamType[dict[str, Any]]):
    """Settings to try, as `name=number,name=number`."""

    name = "NAME=NUMBER,…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        """Return them by name."""
        found: dict[str, Any] = {}
        for each in str(value).split(","):
            name, _, number = each.partition("=")
            try:
                found[name.strip()] = float(number) if "." in number else int(number)
            except ValueError:
                self.fail(f"{each!r}: give a name and a number, as in window=10", param, ctx)
        return found


@click.command(epilog=_EXAMPLES)
@click.argument("circuit")
@journal_options
@click.option("--since", type=Moment(), default="1d", show_default=True, help="From when on.")
@click.option("--until", type=Moment(), help="Until when; default: now.")
@click.option("--try", "tried", type=Candidate(), multiple=True, help="Settings to try, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def tune(  # noqa: PLR0917 - click gives them by name
    circuit: str,
    url: str | None,
    config: str | None,
    since: float,
    until: float | None,
    tried: tuple[dict[str, Any], ...],
    as_json: bool,
) -> None:
    """Play a circuit's past calls to other settings, and propose the best of them.

    The first line is what its settings by name say, or the defaults; arguments of decorators are
    not known here: give them by --try.
    """
    end = time.time() if until is None else until
    with opened(url, config) as store:
        rows = calls_of(store.read, since, end, circuit)
    if not rows:
        raise click.ClickException(f"the journal has no calls of a circuit {circuit!r} since then")
    try:
        base = dict(settings_of(config).circuits.get(circuit, {}))
        found = [replay(rows, each) for each in [*candidates(base), *tried]]
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    chosen = best(found)
    if as_json:
        click.echo(json.dumps(_payload(circuit, found, chosen), indent=2))
    else:
        click.echo("\n".join(_lines(circuit, found, chosen)))


def _payload(circuit: str, found: list[Replay], chosen: Replay) -> dict[str, Any]:
    return {
        "circuit": circuit,
        "candidates": [_plain(each) for each in found],
        "proposed": None if chosen is found[0] else dict(chosen.settings),
    }


def _plain(tried: Replay) -> dict[str, Any]:
    return {
        "settings": dict(tried.settings),
        "opened_at": tried.opened_at,
        "calls": tried.calls,
        "saved": tried.saved,
        "good_refused": tried.good_refused,
        "failed": tried.failed,
        "assumed": tried.assumed,
    }


def _lines(circuit: str, found: list[Replay], chosen: Replay) -> list[str]:
    now = found[0]
    rest = sorted(found[1:], key=lambda each: -each.worth)[:SHOWN]
    lines = [f"{circuit}: {now.calls} calls, {now.saved + now.failed} of them bad", ""]
    lines.append("opened    saved  good refused  first opened (UTC)   with")
    lines += [_line(each, is_base=each is now) for each in [now, *rest]]
    if now.assumed:
        said = "calls were refused at the time: they are taken to have ended like those around them"
        lines += ["", f"{now.assumed} {said}."]
    if chosen is now:
        return [*lines, "", "The present settings are as good as any that were tried."]
    more = _signed(chosen.saved - now.saved)
    good = _signed(chosen.good_refused - now.good_refused)
    settings = [f"{name} = {value}" for name, value in chosen.settings.items()]
    proposed = f"Proposed: {more} bad calls saved, {good} good ones refused:"
    return [*lines, "", proposed, "", f"[circuits.{json.dumps(circuit)}]", *settings]


def _line(tried: Replay, *, is_base: bool) -> str:
    first = moment(tried.opened_at[0]) if tried.opened_at else "never"
    shown = ", ".join(f"{name}={value}" for name, value in tried.settings.items())
    named = f"{shown or 'defaults'}{' (present)' if is_base else ''}"
    return (f"{len(tried.opened_at):6}  {tried.saved:7}  {tried.good_refused:12}  {first:19}  "
            f"{named}")  # fmt: skip


def _signed(number: int) -> str:
    return f"{number} more" if number >= 0 else f"{-number} fewer"
