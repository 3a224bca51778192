"""What the journal asks of a database, whatever it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from resilience.storage.condensing import Rule
from resilience.storage.tables import Row

LONGEST_NAME = 200
LONGEST_TEXT = 10_000


class Store(Protocol):
    """Where rows are kept. One thread uses it at a time; every method may wait, and may raise.

    Args:
        address: what messages call it; never with a password.
        path: the file that it is, if it is one.
    """

    address: str
    path: Path | None

    def open(self) -> None:
        """Make the tables where there are none.

        Raises:
            ConfigurationError: it can never work like this: another program's schema, a later
                version, no driver, a folder that is missing.
        """

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows: all, or on an error none."""

    def read(
        self,
        table: str,
        *,
        since: float | None = None,
        until: float | None = None,
        equal: Mapping[str, Any] | None = None,
        newest: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return rows as dicts, oldest first.

        Args:
            table: one of `TABLES`.
            since: wall-clock seconds, included.
            until: wall-clock seconds, not included.
            equal: `{column: value}` that rows must have.
            newest: only so many of the newest.
        """
        ...

    def prune(self, before: float, most: int) -> int:
        """Delete up to `most` rows older than `before`; return how many there were.

        Those of history, and those by name that are `Table.spent`.

        Args:
            before: wall-clock seconds.
            most: rows at once, >= 1.
        """
        ...

    def condense(self, rule: Rule, now: float, since: float, most: int) -> float | None:
        """Condense counts of calls that are old enough, in one transaction.

        Args:
            rule: which, and how.
            now: wall-clock seconds.
            since: the same; what is older is done already.
            most: rows at once, >= 1.

        Returns:
            Up to when it is done; None: there is no more.
        """
        ...

    def after_fork(self) -> None:
        """Forget the parent's connections, and leave them to it."""

    def close(self) -> None:
        """Let go of all connections; it opens again by itself."""


class Keeper(Protocol):
    """What looks after a file."""

    def copy(self, path: Path) -> bool:
        """Keep a copy of it; False: it is damaged."""
        ...

    def repair(self, path: Path, error: Exception | None, reopen: Callable[[], object]) -> bool:
        """Make a damaged file whole, and call `reopen`; False: nothing was done.

        Args:
            path: the file.
            error: what was raised; one that says nothing of damage is none of its business.
            reopen: called when there is another file in its place.
        """
        ...
