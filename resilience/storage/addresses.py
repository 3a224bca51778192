"""Where a journal is: URLs, drivers, folders, and what each kind of database has to be told."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilience.errors import ConfigurationError

if TYPE_CHECKING:
    import sqlalchemy as sa

DRIVERS = {
    "sqlite": ("sqlite", "pysqlite"),
    "postgresql": ("postgresql+psycopg", "psycopg"),
    "postgres": ("postgresql+psycopg", "psycopg"),
    "mysql": ("mysql+pymysql", "pymysql"),
    "mariadb": ("mysql+pymysql", "pymysql"),
}
"""`{scheme: (what SQLAlchemy is told where a URL names no driver, what to install)}`"""


def parsed(url: str, what: str = "journal") -> sa.URL:
    """Return a database's URL, with our choice of driver where it names none.

    Args:
        url: as users write it.
        what: whose it is, for messages.

    Raises:
        ConfigurationError: SQLAlchemy is not installed, or no URL, or no such scheme.
    """
    try:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError
    except ModuleNotFoundError:
        raise ConfigurationError(
            f"the {what} needs SQLAlchemy: pip install 'resilience-web[sql]'"
        ) from None
    try:
        found = make_url(url)
    except ArgumentError:
        raise ConfigurationError(
            f"{what}: url={url!r}: give a database URL, such as sqlite:///resilience.db"
        ) from None
    scheme, _, driver = found.drivername.partition("+")
    if scheme not in DRIVERS:
        raise ConfigurationError(
            f"{what}: url: unknown scheme {scheme!r}: give one of {', '.join(DRIVERS)}"
        )
    name = f"{DRIVERS[scheme][0].partition('+')[0]}+{driver}" if driver else DRIVERS[scheme][0]
    return found.set(drivername=name)


def engine(url: sa.URL, patience: float, what: str = "journal") -> sa.Engine:
    """Return what connects to a database, and waits `patience` seconds at most for anything.

    Raises:
        ConfigurationError: its driver is missing, or the folder of its file.
    """
    import sqlalchemy as sa

    check_folder(url, what)
    options: dict[str, Any] = {"pool_size": 1, "max_overflow": 4, "pool_timeout": patience}
    kind = url.get_backend_name()
    if kind == "sqlite":
        options = {"connect_args": {"timeout": patience, "check_same_thread": False}}
    elif kind == "postgresql":
        milliseconds = int(patience * 1000)
        options["connect_args"] = {
            "connect_timeout": max(1, int(patience)),
            "tcp_user_timeout": max(1000, milliseconds),  # of a network that has gone
            "options": f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}",
        }
    else:
        whole = max(1, int(patience))
        options["connect_args"] = {
            "connect_timeout": whole, "read_timeout": whole, "write_timeout": whole,
        }  # fmt: skip
    try:
        made = sa.create_engine(url, **options)
    except ModuleNotFoundError as error:
        package = DRIVERS[url.drivername.partition("+")[0]][1]
        raise ConfigurationError(
            f"{what} {url.render_as_string()}: its driver is missing ({error.name}): "
            f"pip install {package}"
        ) from None
    if kind == "sqlite":
        from sqlalchemy import event

        event.listen(made, "connect", _tell_sqlite)
    return made


def _tell_sqlite(connection: Any, _record: Any) -> None:
    """Write ahead: readers and the writer never block each other, and a kill breaks nothing."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def file_of(url: sa.URL) -> Path | None:
    """Return the file of a SQLite database; None: it has none."""
    name = url.database
    if url.get_backend_name() != "sqlite" or not name or name == ":memory:":
        return None
    return None if name.startswith("file:") else Path(name)


def check_folder(url: sa.URL, what: str = "journal") -> None:
    """Refuse a file in a folder that does not exist: it would be a mistake to make it."""
    path = file_of(url)
    if path is not None and not path.absolute().parent.is_dir():
        raise ConfigurationError(
            f"{what}: there is no folder {str(path.absolute().parent)!r} for {path.name!r}: "
            "make it, or give another path"
        )


@contextmanager
def alone(url: sa.URL) -> Iterator[None]:
    """Keep other processes out while a file's tables are made or changed.

    Eight processes that switch a new file to WAL at once get "database is locked" whatever their
    patience; a lock on a file beside it lets them do it one by one.
    """
    path = file_of(url)
    if path is None or os.name != "posix":
        yield
        return
    import fcntl

    lock = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextmanager
def copied(url: sa.URL, version: int) -> Iterator[sa.Engine | None]:
    """Give an engine on a copy of a SQLite file, which takes the file's place if all goes well.

    The file as it was stays, as `name.v1` for version 1. Other databases give None.
    """
    path = file_of(url)
    if path is None:
        yield None
        return
    import sqlalchemy as sa

    copy, kept = path.with_name(f"{path.name}.upgrade"), path.with_name(f"{path.name}.v{version}")
    for target in (copy, kept):
        target.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)
    made = sa.create_engine(url.set(database=str(copy)))
    try:
        yield made
        made.dispose()
        with closing(sqlite3.connect(copy)) as new, closing(sqlite3.connect(path)) as old:
            new.backup(old)  # in place: other processes have the file open
    finally:
        made.dispose()
        copy.unlink(missing_ok=True)
