"""The databases that can keep a fleet's table, and how a worker has one to itself for a moment."""

from __future__ import annotations

import os
import socket
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from resilience.errors import ConfigurationError
from resilience.storage import addresses

if TYPE_CHECKING:
    import sqlalchemy as sa

TABLE = "resilience_fleet"
MADE = f"""CREATE TABLE IF NOT EXISTS {TABLE} (
    section VARCHAR(220) NOT NULL, name VARCHAR(700) NOT NULL,
    number DOUBLE PRECISION NOT NULL, value TEXT NOT NULL, PRIMARY KEY (section, name))"""

AGAIN, AGAIN_MOST = 0.0002, 0.001  # seconds between two tries to be the one that writes
LOCK = 7357  # of all advisory locks of a PostgreSQL, the one that is ours
GIVEN_UP = 8  # timeouts after which a server has not answered a whole letter

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


def database(url: sa.URL, prefix: str, timeout: float) -> Database:
    """Return the database that a URL means.

    Raises:
        ConfigurationError: it keeps no fleet, or its driver is missing.
    """
    kind = url.get_backend_name()
    if kind == "postgresql":
        return PostgreSQL(url, prefix, timeout)
    if kind != "sqlite":
        raise ConfigurationError(
            f"fleet: url: {kind} keeps no fleet: give sqlite:///, postgresql:// or redis://"
        )
    path = addresses.file_of(url)
    if path is None or url.query or url.get_driver_name() != "pysqlite":
        raise ConfigurationError(
            f"fleet: url={str(url)!r}: give a file, which workers can share, and no options: "
            "sqlite:///fleet.db"
        )
    addresses.check_folder(url, "fleet")
    return SQLiteFile(url, path, timeout)


# -- a file -----------------------------------------------------------------------------------


class SQLiteFile:
    """A file for the workers of one host; its clock is the machine's since it was booted.

    All wait for whoever writes, so the driver is used as it is: SQLAlchemy would take longer than
    all the rest of an exchange.

    Args:
        url: of the file.
        path: the file.
        timeout: seconds, > 0, to wait for the others.
    """

    rest = 0.1
    errors: tuple[type[Exception], ...] = (sqlite3.Error, OSError)

    def __init__(self, url: sa.URL, path: Path, timeout: float) -> None:
        self._url, self._path, self._timeout = url, path, timeout
        self.boot = _boot()
        self._writer = _Line(path, self._opened)
        self._reader = _Line(path, self._opened_to_read)

    @contextmanager
    def alone(self) -> Iterator[Session]:
        """Give a transaction that no other worker is in."""
        with self._writer.use() as connection:
            self._lock(connection)
            yield _SQLiteSession(connection)
            connection.execute("COMMIT")

    def _lock(self, connection: sqlite3.Connection) -> None:
        """Be the one that writes. SQLite's own wait looks after up to 100 ms, long after its turn.

        A lock that the kernel hands on would be fairer, and held for ever by a stopped worker.
        """
        until, wait = time.monotonic() + self._timeout, AGAIN
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if not error.sqlite_errorname.startswith("SQLITE_BUSY"):
                    raise
                if time.monotonic() >= until:
                    raise
            time.sleep(wait)
            wait = min(AGAIN_MOST, wait * 1.5)

    def has_table(self) -> bool:
        """Tell whether there is a file, and the table in it."""
        query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = :table"
        return self._path.exists() and bool(self.look(query, {"table": TABLE}))

    def floor(self) -> int:
        """Return milliseconds of the wall clock: tokens grow over boots, lost and older files."""
        return int(time.time() * 1000)

    def look(self, query: str, values: Values) -> Sequence[Any]:
        """Return the rows of a query; it waits for no writer."""
        with self._reader.use() as connection:
            return connection.execute(query, values).fetchall()

    def _opened(self) -> sqlite3.Connection:
        with addresses.alone(self._url):
            connection = self._connected(self._path)
            try:
                # Who reads and who writes do not wait for each other, and a kill breaks nothing.
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.execute(f"{MADE} WITHOUT ROWID")
                connection.execute("PRAGMA busy_timeout=0")
            except BaseException:
                connection.close()
                raise
        return connection

    def _opened_to_read(self) -> sqlite3.Connection:
        return self._connected(f"{self._path.absolute().as_uri()}?mode=rw", uri=True)

    def _connected(self, name: Path | str, *, uri: bool = False) -> sqlite3.Connection:
        return sqlite3.connect(
            name, timeout=self._timeout, isolation_level=None, check_same_thread=False, uri=uri
        )

    def after_fork(self) -> None:
        """Connect anew when it is wanted."""
        for line in (self._writer, self._reader):
            line.after_fork()

    def close(self) -> None:
        """Let go of the file."""
        for line in (self._writer, self._reader):
            line.close()


class _Line:
    """A connection to a file, made when it is wanted, that one thread uses at a time.

    Args:
        path: of the file; one that is removed or replaced is let go of, as the others would not
            find us there.
        opened: connects.
    """

    def __init__(self, path: Path, opened: Callable[[], sqlite3.Connection]) -> None:
        self._path, self._opened = path, opened
        self._forget()

    def _forget(self) -> None:
        self._free = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    @contextmanager
    def use(self) -> Iterator[sqlite3.Connection]:
        """Give the connection; an error ends it, and the transaction that it is in."""
        with self._free:
            try:
                yield self._current()
            except BaseException:
                self._end()
                raise

    def _current(self) -> sqlite3.Connection:
        if self._connection is not None and self._file_now() != self._file:
            self._end()
        if self._connection is None:
            self._connection = self._opened()
            self._file = self._file_now()
        return self._connection

    def _file_now(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _end(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def close(self) -> None:
        """Let go of it, once nobody uses it."""
        with self._free:
            self._end()

    def after_fork(self) -> None:
        """Let go of the parent's, unless it was in use: then whoever used it is not here.

        Before another is made: SQLite would think that this process has its locks already.
        """
        if self._free.acquire(blocking=False):
            self._end()
        self._forget()


class _SQLiteSession:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def ask(self, query: str, values: Values) -> Sequence[Any]:
        return self._connection.execute(query, values).fetchall()

    def do(self, statement: str, each: Sequence[Values]) -> None:
        self._connection.executemany(statement, each)

    def now(self) -> float:
        return time.monotonic()


def _boot() -> str:
    """Return a name for this boot of the machine."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


# -- a server ---------------------------------------------------------------------------------


class PostgreSQL:
    """A server, which tells its own time.

    Args:
        url: of the database.
        prefix: whose workers are to be kept out of each other's transactions.
        timeout: seconds, > 0, for connecting, and for an answer.

    Raises:
        ConfigurationError: its driver is missing.
    """

    boot, rest = "", 0.25

    def __init__(self, url: sa.URL, prefix: str, timeout: float) -> None:
        self._url, self._timeout = url, timeout
        self._key = zlib.crc32(prefix.encode()) % 2**31
        self._begin()

    def _begin(self) -> None:
        self._engine = addresses.engine(self._url, self._timeout, "fleet")
        self._is_open = False

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What SQLAlchemy raises, and the system."""
        from sqlalchemy.exc import SQLAlchemyError

        return SQLAlchemyError, OSError

    @contextmanager
    def alone(self) -> Iterator[Session]:
        """Give a transaction that no other worker is in."""
        try:
            self._open()
            with self._engine.begin() as connection, self._cut_off_late(connection):
                session = _ServerSession(connection)
                session.ask("SELECT pg_advisory_xact_lock(:a, :b)", {"a": LOCK, "b": self._key})
                yield session
        except BaseException:
            self.close()
            raise

    def has_table(self) -> bool:
        """Tell whether the table is there for us."""
        [(found,)] = self.look("SELECT to_regclass(:table)", {"table": TABLE})
        return found is not None

    def floor(self) -> int:
        """Return 0: the server's clock never begins anew."""
        return 0

    def look(self, query: str, values: Values) -> Sequence[Any]:
        """Return the rows of a query, on another connection."""
        with self._engine.connect() as connection:
            return _ServerSession(connection).ask(query, values)

    def _open(self) -> None:
        """Make the table where there is none: who may not make tables may have been given one."""
        if not (self._is_open or self.has_table()):
            with self._engine.begin() as connection:
                session = _ServerSession(connection)
                session.ask("SELECT pg_advisory_xact_lock(:a, 0)", {"a": LOCK})
                session.do(MADE, [{}])
        self._is_open = True

    @contextmanager
    def _cut_off_late(self, connection: sa.Connection) -> Iterator[None]:
        """End the connection to a server that hangs: its driver would wait for it for ever.

        Each statement has the server's own timeout, so this is for one that does nothing at all.
        """
        driver: Any = connection.connection.driver_connection
        with socket.socket(fileno=os.dup(driver.fileno())) as line:
            timer = threading.Timer(GIVEN_UP * self._timeout, _cut, (line,))
            timer.daemon = True
            timer.start()
            try:
                yield
            finally:
                timer.cancel()

    def after_fork(self) -> None:
        """Connect anew when it is wanted."""
        self._engine.dispose(close=False)
        self._begin()

    def close(self) -> None:
        """Let go of all connections."""
        self._is_open = False
        with suppress(Exception):
            self._engine.dispose()


class _ServerSession:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def ask(self, query: str, values: Values) -> Sequence[Any]:
        import sqlalchemy as sa

        return self._connection.execute(sa.text(query), values).fetchall()

    def do(self, statement: str, each: Sequence[Values]) -> None:
        import sqlalchemy as sa

        self._connection.execute(sa.text(statement), list(each))

    def now(self) -> float:
        [(seconds,)] = self.ask("SELECT extract(epoch FROM clock_timestamp())", {})
        return float(seconds)


def _cut(line: socket.socket) -> None:
    with suppress(OSError):  # it has just ended
        line.shutdown(socket.SHUT_RDWR)
