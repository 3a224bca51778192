"""The tables as SQLAlchemy knows them, and the steps from one version of them to the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from resilience.storage.base import LONGEST_NAME
from resilience.storage.tables import COUNT, DETAILS, NAME, NUMBER, TABLES, TEXT, VERSION, Column

if TYPE_CHECKING:
    import sqlalchemy as sa

VERSION_TABLE = "schema_version"

Step = Callable[["sa.Connection"], None]

STEPS: dict[int, Step] = {}
"""`{version: what makes that version from the one before it}`; each in one transaction."""


def metadata() -> sa.MetaData:
    """Return all tables, `schema_version` included."""
    import sqlalchemy as sa

    found = sa.MetaData()
    for table in TABLES.values():
        columns = [_column(each, each.name in table.key) for each in table.columns]
        if not table.key:
            columns.insert(0, sa.Column("id", _running_number(), primary_key=True))
        sa.Table(table.name, found, *columns)
        for index in table.indexes:
            made = found.tables[table.name]
            sa.Index(f"ix_{table.name}_{'_'.join(index)}", *[made.c[name] for name in index])
    sa.Table(
        VERSION_TABLE,
        found,
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    return found


def ddl(dialect: str) -> str:
    """Return the SQL that makes all tables in a dialect: sqlite, postgresql or mysql.

    Raises:
        ConfigurationError: no such dialect.
    """
    from sqlalchemy.schema import CreateIndex, CreateTable

    compiled = _dialect(dialect)
    statements: list[str] = []
    for table in metadata().sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=compiled)).strip())
        indexes = sorted(table.indexes, key=lambda each: str(each.name))
        statements += [str(CreateIndex(each).compile(dialect=compiled)).strip() for each in indexes]
    noted = f"INTO {VERSION_TABLE} (version, at) VALUES ({VERSION}, 0)"
    statements.append(f"INSERT {noted}")
    return "".join(f"{each};\n\n" for each in statements)


def _dialect(name: str) -> Any:
    from importlib import import_module

    from resilience.core.checks import one_of

    one_of("sqlite", "postgresql", "mysql")("dialect", name)
    return import_module(f"sqlalchemy.dialects.{name}").dialect()


def _column(column: Column, is_key: bool) -> sa.Column[Any]:
    import sqlalchemy as sa

    kinds: dict[str, Any] = {
        NUMBER: sa.Double(),
        COUNT: sa.BigInteger(),
        NAME: sa.String(LONGEST_NAME),
        TEXT: sa.Text(),
        DETAILS: sa.Text(),
    }
    return sa.Column(
        column.name, kinds[column.kind], primary_key=is_key, nullable=column.can_be_empty
    )


def _running_number() -> Any:
    import sqlalchemy as sa

    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # only INTEGER counts by itself
