"""The journal in a SQL database, by SQLAlchemy Core: SQLite, PostgreSQL, MySQL and MariaDB."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from resilience.errors import ConfigurationError
from resilience.storage import addresses, condensing
from resilience.storage.condensing import Rule
from resilience.storage.fitting import read_back, stored
from resilience.storage.schema import STEPS, VERSION_TABLE, metadata
from resilience.storage.tables import TABLES, VERSION, Row, Table

if TYPE_CHECKING:
    import sqlalchemy as sa


AT_ONCE = 500
"""Rows that one statement names."""


class SQLStore:
    """Rows in a SQL database.

    Args:
        url: as SQLAlchemy takes it: `sqlite:///resilience.db`, `postgresql://user@host/name`.
        patience: seconds, > 0, that one statement or connection may take.

    Raises:
        ConfigurationError: no such kind of database, its driver is missing (names what to
            install), or the folder of a file is.
    """

    def __init__(self, url: str, patience: float = 5.0) -> None:
        self._url = addresses.parsed(url)
        self.address = self._url.render_as_string(hide_password=True)
        self.path = addresses.file_of(self._url)
        self._file: tuple[int, int] | None = None
        self._engine = addresses.engine(self._url, patience)
        self._tables = metadata().tables

    @property
    def engine(self) -> sa.Engine:
        """What connects to the database."""
        return self._engine

    def open(self) -> None:
        """Make the tables where there are none; upgrade those of an earlier version."""
        with addresses.alone(self._url):
            found = self.version()
            if found is None:
                self._create()
            elif found > VERSION:
                raise ConfigurationError(
                    f"journal {self.address}: its schema has version {found}, this program knows "
                    f"{VERSION} at most: update resilience-web, or give another database"
                )
            elif found < VERSION:
                self.upgrade(found)
        self._file = self._file_now()

    def version(self) -> int | None:
        """Return the version of the schema that is there; None: there is none yet."""
        import sqlalchemy as sa

        with self._engine.connect() as connection:
            names = set(sa.inspect(connection).get_table_names())
            if VERSION_TABLE not in names:
                self._refuse_strangers(names)
                return None
            column = self._tables[VERSION_TABLE].c.version
            found: int | None = connection.scalar(sa.select(sa.func.max(column)))
            return found

    def upgrade(self, found: int) -> None:
        """Take the steps from version `found` to the present one.

        A SQLite file is upgraded as a copy first, which then takes its place; the file as it was
        stays beside it. Elsewhere all steps are one transaction where the database can do that.
        """
        with addresses.copied(self._url, found) as engine, (engine or self._engine).begin() as to:
            for version in range(found + 1, VERSION + 1):
                STEPS[version](to)
                self._note_version(to, version)

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows in one transaction."""
        self._follow_file()
        by_table: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            by_table[row.table].append(stored(TABLES[row.table], row.values))
        with self._engine.begin() as connection:
            for name in sorted(by_table):  # always in one order: writers never wait in a ring
                self._write_one(connection, TABLES[name], by_table[name])

    def _write_one(
        self, connection: sa.Connection, table: Table, rows: list[dict[str, Any]]
    ) -> None:
        if not table.key:
            connection.execute(self._tables[table.name].insert(), rows)
            return
        latest = {tuple(row[column] for column in table.key): row for row in rows}
        statement = _replacing(connection.dialect.name, self._tables[table.name], table.key)
        connection.execute(statement, [latest[key] for key in sorted(latest)])

    def read(
        self,
        table: str,
        *,
        since: float | None = None,
        until: float | None = None,
        equal: Mapping[str, Any] | None = None,
        newest: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return rows as dicts, oldest first."""
        found = self._tables[table]
        query = found.select()
        if since is not None:
            query = query.where(found.c.at >= since)
        if until is not None:
            query = query.where(found.c.at < until)
        for column, value in (equal or {}).items():
            query = query.where(found.c[column] == value)
        order = [found.c.at, *found.primary_key.columns]
        query = query.order_by(*[each.desc() for each in order]).limit(newest)
        with self._engine.connect() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return [read_back(row) for row in reversed(rows)]

    def prune(self, before: float, most: int) -> int:
        """Delete up to `most` rows older than `before` that say nothing of what holds now."""
        gone = 0
        for name, table in TABLES.items():
            if gone < most and (table.spent or not table.key):
                gone += self._prune_one(self._tables[name], table, before, most - gone)
        return gone

    def _prune_one(self, found: sa.Table, table: Table, before: float, most: int) -> int:
        import sqlalchemy as sa

        key = [found.c[column] for column in table.key] or [found.c.id]
        wanted = [found.c.at < before]
        if table.spent:
            wanted.append(found.c.state.in_(table.spent))
        with self._engine.begin() as connection:
            old = sa.select(*key).where(*wanted).order_by(found.c.at).limit(most)
            rows = [tuple(row) for row in connection.execute(old)]
            if not rows:
                return 0
            # `wanted` once more: another process may have written a row by name meanwhile.
            these = found.delete().where(sa.tuple_(*key).in_(rows), *wanted)
            return connection.execute(these).rowcount

    def condense(self, rule: Rule, now: float, since: float, most: int) -> float | None:
        """Condense up to `most` counts of calls; return up to when that was done, None: all."""
        import sqlalchemy as sa

        table = self._tables[condensing.TABLE]
        with self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")  # before it reads, not after
            wanted = sa.select(table).where(*_condensable(table, rule, now, since))
            wanted = wanted.order_by(table.c.at).limit(most).with_for_update()
            rows = connection.execute(wanted).mappings().all()
            for index in range(0, len(rows), AT_ONCE):
                ids = [row["id"] for row in rows[index : index + AT_ONCE]]
                connection.execute(table.delete().where(table.c.id.in_(ids)))
            fresh = condensing.condensed([dict(row) for row in rows], rule.span)
            if fresh:
                connection.execute(table.insert(), fresh)
        return float(rows[-1]["at"]) if len(rows) == most else None

    def totals(self, since: float, until: float) -> dict[str, dict[str, int]]:
        """Return what calls came to, `{component: {count: number}}`, wall-clock seconds."""
        import sqlalchemy as sa

        table = self._tables[condensing.TABLE]
        sums = [sa.func.sum(table.c[name]) for name in condensing.COUNTS]
        query = sa.select(table.c.component, *sums).where(
            table.c.kind == condensing.CALLS, table.c.at >= since, table.c.at < until
        )
        with self._engine.connect() as connection:
            found = connection.execute(query.group_by(table.c.component)).all()
        return {
            name: {count: int(sum_) for count, sum_ in zip(condensing.COUNTS, rest, strict=True)}
            for name, *rest in found
        }

    def after_fork(self) -> None:
        """Forget the parent's connections, and leave them to it."""
        self._engine.dispose(close=False)

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def _follow_file(self) -> None:
        """Let go of a file that another process has replaced: nobody would find the rows."""
        now = self._file_now()
        if self._file is not None and now != self._file:
            self.close()
            self.open()

    def _file_now(self) -> tuple[int, int] | None:
        """Return which file it is: its device and number; None: there is none."""
        try:
            found = os.stat(self.path) if self.path is not None else None  # noqa: PTH116
        except FileNotFoundError:
            return None
        return None if found is None else (found.st_dev, found.st_ino)

    def _create(self) -> None:
        with self._engine.begin() as connection:
            for table in self._tables.values():
                table.create(connection, checkfirst=True)
            self._note_version(connection, VERSION)

    def _note_version(self, connection: sa.Connection, version: int) -> None:
        table = self._tables[VERSION_TABLE]
        statement = _replacing(connection.dialect.name, table, ("version",))
        connection.execute(statement, [{"version": version, "at": time.time()}])

    def _refuse_strangers(self, names: set[str]) -> None:
        taken = sorted(names & set(TABLES))
        if taken:
            raise ConfigurationError(
                f"journal {self.address}: it has tables of our names and no {VERSION_TABLE}: "
                f"{', '.join(taken)}; give another database, or remove them"
            )


def _replacing(dialect: str, table: sa.Table, key: tuple[str, ...]) -> Any:
    """Return an insert that replaces the row of the same key."""
    rest = [column.name for column in table.columns if column.name not in key]
    if dialect == "mysql":
        from sqlalchemy.dialects.mysql import insert

        statement = insert(table)
        return statement.on_duplicate_key_update({name: statement.inserted[name] for name in rest})
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as upsert
    else:
        from sqlalchemy.dialects.sqlite import insert as upsert  # type: ignore[assignment]
    made = upsert(table)
    return made.on_conflict_do_update(
        index_elements=list(key), set_={name: made.excluded[name] for name in rest}
    )


def _condensable(table: sa.Table, rule: Rule, now: float, since: float) -> list[Any]:
    """Return the conditions on counts that a rule is about."""
    found: list[Any] = [
        table.c.kind == condensing.CALLS,
        table.c.span < rule.span,
        table.c.at >= since,
        table.c.at < now - rule.age,
    ]
    if rule.quiet:
        share = condensing.QUIET_SHARE
        found += [
            table.c.rejected == 0,
            table.c.failures * share <= table.c.calls,
            table.c.slow_calls * share <= table.c.calls,
        ]
    return found
