"""`resilience journal`: its tables, made, upgraded, and cleared of what is old."""

from __future__ import annotations

import json
import time

import click

from resilience.commands.source import journal_options, journal_settings, opened, version_of
from resilience.storage.schema import ddl
from resilience.storage.settings import DAY
from resilience.storage.tables import TABLES, VERSION

AT_ONCE = 1000


@click.group(
    epilog="\b\nExamples:\n  resilience journal init --url sqlite:///resilience.db\n"
    "  resilience journal prune --days 7\n  resilience journal schema postgresql > journal.sql\n"
)
def journal() -> None:
    """Look after the journal's database."""


@journal.command(epilog="\b\nExample:\n  resilience journal schema postgresql > journal.sql")
@click.argument("dialect", type=click.Choice(["sqlite", "postgresql", "mysql"]), default="sqlite")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def schema(dialect: str, as_json: bool) -> None:
    """Print the SQL that makes the tables."""
    sql = ddl(dialect)
    told = {"dialect": dialect, "version": VERSION, "tables": sorted(TABLES), "sql": sql}
    click.echo(json.dumps(told) if as_json else sql, nl=as_json)


@journal.command(epilog="\b\nExample:\n  resilience journal init --url sqlite:///resilience.db")
@journal_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def init(url: str | None, config: str | None, as_json: bool) -> None:
    """Make the tables; where they are, nothing is changed."""
    with opened(url, config, must_exist=False) as store:
        before = version_of(store)
        store.open()
        told = {"address": store.address, "version": VERSION, "made": before is None}
    said = "made" if before is None else "there already"
    _tell(told, f"{told['address']}: {said}, version {VERSION}", as_json=as_json)


@journal.command(epilog="\b\nExample:\n  resilience journal upgrade")
@journal_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def upgrade(url: str | None, config: str | None, as_json: bool) -> None:
    """Bring the tables of an earlier version to the present one."""
    with opened(url, config, must_exist=False) as store:
        before = version_of(store)
        if before is None:
            raise click.ClickException(f"there is no journal at {store.address}")
        store.open()
        told = {"address": store.address, "before": before, "version": VERSION}
    said = "nothing to do" if before == VERSION else f"upgraded from version {before}"
    _tell(told, f"{told['address']}: {said}, version {VERSION}", as_json=as_json)


@journal.command(epilog="\b\nExample:\n  resilience journal prune --days 7")
@journal_options
@click.option("--days", type=click.FloatRange(0, min_open=True), help="Keep so many days.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def prune(url: str | None, config: str | None, days: float | None, as_json: bool) -> None:
    """Delete history older than the setting `retention_days`."""
    kept = days if days is not None else journal_settings(config).retention_days
    gone = 0
    with opened(url, config) as store:
        while batch := store.prune(time.time() - kept * DAY, AT_ONCE):
            gone += batch
        told = {"address": store.address, "days": kept, "deleted": gone}
    _tell(told, f"{told['address']}: {gone} rows older than {kept:g} days deleted", as_json=as_json)


def _tell(told: dict[str, object], said: str, *, as_json: bool) -> None:
    click.echo(json.dumps(told) if as_json else said)
