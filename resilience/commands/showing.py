"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

NONE = "-"
NARROWEST = 12
"""Characters that a column keeps when it is folded."""
HEADS = {"retry_after": "retry"}
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


class _Fitting(Table):
    """A table that folds all its columns where it would not fit else."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.__rich_measure__(console, options).minimum > options.max_width:
            for column in self.columns:
                column.no_wrap, column.min_width = False, None
        yield from super().__rich_console__(console, options)


def table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Table:
    """Return rows as a table, a column for each of their keys that is named and not empty.

    Where the terminal is too narrow, the last column is folded, then the first: numbers and words
    between them stay whole.
    """
    shown = [*rows]
    used = [each for each in columns if any(cell(row.get(each)) != NONE for row in shown)]
    made = _Fitting(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in used:
        ends = column in (used[0], used[-1])
        made.add_column(
            HEADS.get(column, column.replace("_", " ")), overflow="fold", no_wrap=not ends,
            min_width=min(NARROWEST, _widest(column, shown)) if ends else None,
        )  # fmt: skip
    for row in shown:
        made.add_row(
            *(Text(cell(row.get(each)), COLOURS.get(str(row.get(each)), "")) for each in used)
        )
    return made


def _widest(column: str, rows: Iterable[Mapping[str, Any]]) -> int:
    return max(len(each) for each in (column, *(cell(row.get(column)) for row in rows)))


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
