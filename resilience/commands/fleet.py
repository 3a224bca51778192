"""`resilience fleet`: what the workers of an app agree on, from the store that they share."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from resilience.commands.showing import as_json as print_json
from resilience.commands.showing import cell, printed, table
from resilience.commands.source import app_here, settings_of
from resilience.errors import ConfigurationError, StoreUnavailableError
from resilience.fleet.base import Order
from resilience.fleet.looking import Look, look
from resilience.fleet.service import backend_of
from resilience.fleet.settings import FleetSettings
from resilience.fleet.verdicts import CLOSED, OPEN, Verdict
from resilience.neighbours import beside
from resilience.sharing import COMMAND, parted

PATIENCE = 3.0
"""Seconds, at least, in which the store has to answer: nobody's call waits for it here."""

WORKERS = ("worker", "host", "pid", "level", "open", "ill", "leaving", "silent", "confirmed")
CIRCUITS = ("name", "state", "retry_after", "reason", "calls", "failures", "slow", "error")
ORDERS = ("on", "name", "kind", "value", "ends_in", "actor", "reason")


@click.command(
    epilog="\b\nExamples:\n  resilience fleet --url redis://localhost:6379/0 --prefix shop\n"
    "  resilience fleet --url sqlite:///journal.db-fleet\n"
    "  resilience fleet --json | jq '.circuits[] | select(.state == \"open\") | .name'\n"
)
@click.option("--url", help="The store's address; default: what the settings say.")
@click.option("--prefix", help="Of the app and environment; default: what the settings say.")
@click.option(
    "--config", type=click.Path(dir_okay=False), help="Settings; default: resilience.toml."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def fleet(url: str | None, prefix: str | None, config: str | None, as_json: bool) -> None:
    """Show what workers agree on, without asking any: circuits, levels, orders, who is alive.

    Circuits that have always been closed are not among them; what each worker counts is its own.
    """
    seen = _seen(url, prefix, config)
    told = _told(seen)
    if as_json:
        print_json(told)
    else:
        printed(*_parts(told))


def _seen(url: str | None, prefix: str | None, config: str | None) -> Look:
    """Return what the store has; errors become messages."""
    try:
        settings, journal = _known(config)
        chosen = replace(
            settings,
            url=url or settings.url or _beside(journal, settings),
            prefix=prefix or settings.prefix,
            timeout=max(PATIENCE, settings.timeout),
        )
        return _asked(chosen)
    except (ConfigurationError, StoreUnavailableError) as error:
        raise click.ClickException(str(error)) from None


def _known(config: str | None) -> tuple[FleetSettings, Path | None]:
    """Return the fleet's settings and the journal's file: those of the app that it runs in."""
    app = app_here()
    if app is not None and config is None:
        return app.fleet.settings, app.journal.path
    from resilience.storage import addresses

    settings = settings_of(config)
    address = settings.journal.address
    is_file = address.startswith("sqlite")
    return settings.fleet, addresses.file_of(addresses.parsed(address)) if is_file else None


def _asked(settings: FleetSettings) -> Look:
    backend = backend_of(settings)
    if backend is None:
        raise ConfigurationError(
            "no fleet is known: give --url, or the setting fleet.url; workers without one know "
            "only of themselves, and a running one is asked by `resilience status`"
        )
    with closing(backend):
        return look(backend)


def _beside(journal: Path | None, settings: FleetSettings) -> str | None:
    """Return where the workers of one server meet by themselves; None: not here."""
    place = beside(journal) if journal is not None and settings.share else None
    return f"sqlite:///{place}" if place is not None and place.exists() else None


def _told(seen: Look) -> dict[str, Any]:
    workers = [
        {"worker": each.worker, **each.about, "silent": each.silent, "confirmed": each.confirmed}
        for each in seen.workers
    ]
    return {
        "address": seen.address,
        "levels": dict(Counter(str(each.get("level", "normal")) for each in workers)),
        "workers": workers,
        "circuits": [_circuit(each) for each in sorted(seen.verdicts, key=_worst_first)],
        "orders": [*_orders(seen.orders)],
    }


def _worst_first(verdict: Verdict) -> tuple[bool, bool, str]:
    return verdict.state != OPEN, verdict.state == CLOSED, verdict.name


def _circuit(verdict: Verdict) -> dict[str, Any]:
    calls, failures, slow = verdict.counts
    return {
        "name": verdict.name,
        "state": verdict.state,
        "retry_after": verdict.left if verdict.state == OPEN else None,
        "reason": verdict.reason,
        "calls": calls,
        "failures": failures,
        "slow": slow,
        "error": verdict.error,
        "changes": verdict.epoch,
    }


def _orders(orders: tuple[Order, ...]) -> Iterator[dict[str, Any]]:
    """Yield the orders that hold; those to do something once are over with the doing."""
    for order in orders:
        try:
            (what, name, kind), said = parted(order.key), dict(json.loads(order.text))
        except (ValueError, TypeError):
            continue  # a later release's
        if what != COMMAND:
            value = said.get("value")
            yield {
                "on": what,
                "name": name,
                "kind": kind,
                "value": value,
                "ends_in": order.left,
                "actor": said.get("actor"),
                "reason": said.get("reason"),
            }


def _parts(told: dict[str, Any]) -> Iterator[Any]:
    live = len(told["workers"])
    levels = ", ".join(f"{count} {cell(level)}" for level, count in sorted(told["levels"].items()))
    yield Text(f"{cell(told['address'])}: {live} live {'worker' if live == 1 else 'workers'}")
    if levels:
        yield Text(f"levels: {levels}")
    rows = {
        "workers": (WORKERS, [_shown(each) for each in told["workers"]]),
        "circuits": (CIRCUITS, told["circuits"]),
        "orders": (ORDERS, [_shown(each) for each in told["orders"]]),
    }
    for name, (columns, shown) in rows.items():
        if shown:
            yield from ("", Text(f"{name}:", "bold"), table(columns, shown))
    if not told["circuits"]:
        yield from ("", "no circuit was ever open")


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with lists as people read them, and of an experiment only its own words."""
    return {name: _worded(value) for name, value in row.items()}


def _worded(value: Any) -> Any:
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    if isinstance(value, dict) and isinstance(value.get("experiment"), dict):
        told = value["experiment"]
        return f"{told.get('fault', {}).get('kind')} on {told.get('target')}"
    return value
