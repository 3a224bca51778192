"""What the table of a fleet needs of its database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

TABLE = "resilience_fleet"
MADE = f"""CREATE TABLE IF NOT EXISTS {TABLE} (
    section VARCHAR(220) NOT NULL, name VARCHAR(700) NOT NULL,
    number DOUBLE PRECISION NOT NULL, value TEXT NOT NULL, PRIMARY KEY (section, name))"""

Values = Mapping[str, Any]
"""What stands for `:name` in a statement."""


class Session(Protocol):
    """A transaction that no other worker of the app is in."""

    def ask(self, query: str, values: Values) -> Sequence[Any]:
        """Return the rows of a query."""
        ...

    def do(self, statement: str, each: Sequence[Values]) -> None:
        """Run a statement once for each of some values, at least one."""

    def now(self) -> float:
        """Return seconds of the store's clock."""
        ...


class Database(Protocol):
    """Where a fleet's table is.

    Args:
        errors: what it raises when it does not answer.
        boot: a name for what its clock began with; "": it never begins anew.
        rest: seconds between two looks for changes while it is quiet; a look costs it something.
    """

    boot: str
    rest: float

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What it raises when it does not answer."""
        ...

    def alone(self) -> AbstractContextManager[Session]:
        """Give a transaction that no other worker is in; with an error nothing is changed."""
        ...

    def has_table(self) -> bool:
        """Tell whether the table is there, without making anything."""
        ...

    def floor(self) -> int:
        """Return what a new token is at least, where the clock says less after another boot."""
        ...

    def look(self, query: str, values: Values) -> Sequence[Any]:
        """Return the rows of a query, whoever has the database to itself meanwhile."""
        ...

    def after_fork(self) -> None:
        """Leave the parent's connections to it."""

    def close(self) -> None:
        """Let go of all connections; they are made again when they are wanted."""
