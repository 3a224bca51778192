"""PostgreSQL as a fleet's database."""

from __future__ import annotations

import os
import socket
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from resilience.fleet.databases import MADE, TABLE, Session, Values
from resilience.storage import addresses

if TYPE_CHECKING:
    import sqlalchemy as sa

LOCK = 7357  # of all advisory locks of a server, the one that is ours
GIVEN_UP = 8  # timeouts after which a server has not answered a whole letter


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
