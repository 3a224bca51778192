"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

NONE = "-"
COLOURS: Mapping[str, str] = {
    "open": "bold red",
    "forced_open": "bold red",
    "half_open": "yellow",
    "forced_closed": "yellow",
    "disabled": "yellow",
    "closed": "green",
    "fail": "bold red",
    "warn": "yellow",
    "pass": "green",
    "unknown": "dim",
    "aborted": "bold red",
    "refused": "bold red",
    "failed": "bold red",
    "completed": "green",
    "error": "bold red",
    "warning": "yellow",
}
"""`{word: style}`: no word is known by its colour alone."""


def as_json(told: Any) -> None:
    """Print something for programs."""
    click.echo(json.dumps(told, indent=2))


def printed(*parts: RenderableType) -> None:
    """Print for people: in colour on a terminal that wants it, else plain, as wide as needed."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200
    for part in parts:
        console.print(part)


def table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Table:
    """Return rows as a table, a column for each of their keys that is named."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        made.add_row(
            *(Text(cell(row.get(each)), COLOURS.get(str(row.get(each)), "")) for each in columns)
        )
    return made


def cell(value: Any) -> str:
    """Return a value as it stands in a table."""
    if value is None or value == "":
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {cell(each)}" for name, each in value.items()) or NONE
    # What a server tells may hold anything; a terminal takes some of it for orders.
    return "".join(each if each.isprintable() else "?" for each in str(value))
