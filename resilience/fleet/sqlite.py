"""A SQLite file as a fleet's database, for the workers of one host."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilience.fleet.databases import MADE, TABLE, Session, Values
from resilience.storage import addresses

if TYPE_CHECKING:
    import sqlalchemy as sa

AGAIN, AGAIN_MOST = 0.0002, 0.001  # seconds between two tries to be the one that writes
FORKED = 0.25  # seconds, at most, that a fork waits for a connection to be idle


class SQLiteFile:
    """A file for the workers of one host; its clock is the machine's since it was booted.

    All wait for whoever writes, so the driver is used as it is: SQLAlchemy would take longer than
    all the rest of an exchange.

    Args:
        url: of the file.
        path: the file, from the root.
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
        return self._connected(f"{self._path.as_uri()}?mode=rw", uri=True)

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
        _lines.add(self)

    def _forget(self) -> None:
        self._free, self._is_kept = threading.Lock(), False
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

    def before_fork(self) -> None:
        """Keep it idle while the process forks.

        Nobody would end in the child what is under way, and SQLite would keep its locks there.
        """
        if self._free.acquire(timeout=FORKED):
            self._is_kept = True

    def after_fork_in_parent(self) -> None:
        """Let it be used again."""
        if self._is_kept:
            self._is_kept = False
            self._free.release()

    def after_fork(self) -> None:
        """Let go of the parent's before another is made, for the sake of its locks, too."""
        if self._is_kept or self._free.acquire(blocking=False):
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


_lines: weakref.WeakSet[_Line] = weakref.WeakSet()


def _for_each_line(act: Callable[[_Line], None]) -> Callable[[], None]:
    def act_on_all() -> None:
        for line in list(_lines):
            act(line)

    return act_on_all


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_for_each_line(_Line.before_fork),
        after_in_parent=_for_each_line(_Line.after_fork_in_parent),
        after_in_child=_for_each_line(_Line.after_fork),
    )
