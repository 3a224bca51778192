"""A fleet's store in a SQL database: a SQLite file for the workers of one host, or PostgreSQL.

The pure `Ledger` decides, inside of one transaction that no other worker is in at the same time.
Only what a letter is about is read, and only what changed is written.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilience.errors import ConfigurationError, StoreUnavailableError
from resilience.fleet.base import KEPT, Letter, Reply
from resilience.fleet.ledger import Ledger
from resilience.fleet.verdicts import Record
from resilience.storage import addresses

if TYPE_CHECKING:
    import sqlalchemy as sa

TABLE = "resilience_fleet"
META, RECORDS, MOVED = "meta", "records", "moved"
WHOLE = ("workers", "crew", "orders", "leases")
"""Parts of the ledger that are small, and read as a whole."""

SOONEST, LATEST = 0.02, 0.25  # seconds between two looks for changes: busy, and quiet
LOCK = 7357  # of all advisory locks of a PostgreSQL, the one that is ours
GIVEN_UP = 8  # timeouts after which a server has not answered a whole letter
AT_ONCE = 500  # names in one statement
SWEPT = 600.0  # seconds between two clearances of circuits that nobody reports any more

Rows = dict[tuple[str, str], str]
"""`{(section, name): JSON}`"""


class SQLBackend:
    """Keeps what workers know together in one table of a database.

    Times are those of the machine for a file, since it was booted: whoever shares it is on the same
    host, and no change of the wall clock matters. After another boot the file counts as empty.
    PostgreSQL tells its own time.

    Args:
        url: `sqlite:///fleet.db`, or `postgresql://user@host/name`.
        prefix: of the app and environment; others may share the table.
        timeout: seconds, > 0, for connecting, and for an answer.

    Raises:
        ConfigurationError: no such kind of database, or its driver is missing.
    """

    def __init__(self, url: str, prefix: str, timeout: float) -> None:
        self._url = addresses.parsed(url, "fleet")
        if self._url.get_backend_name() not in ("sqlite", "postgresql"):
            raise ConfigurationError(
                f"fleet: url: {self._url.get_backend_name()} keeps no fleet: give sqlite:///, "
                "postgresql:// or redis://"
            )
        self.address = self._url.render_as_string(hide_password=True)
        self._path = addresses.file_of(self._url)
        if self._url.get_backend_name() == "sqlite" and self._path is None:
            raise ConfigurationError(f"fleet: url={url!r}: give a file, which workers can share")
        self._prefix, self._timeout = prefix, timeout
        self._table = _table()
        self._listener: _Listener | None = None
        self._begin()

    def _begin(self) -> None:
        self._engine = addresses.engine(self._url, self._timeout, "fleet")
        self._file: tuple[int, int] | None = None
        self._is_open = False
        self._swept_at = time.monotonic()
        self.seen = 0

    # -- exchange -----------------------------------------------------------------------------

    def exchange(self, letter: Letter) -> Reply:
        """Settle the letter in one transaction."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            self._follow_file()
            self._open()
            with self._engine.begin() as connection, self._cut_off_late(connection):
                self._lock(connection)
                reply = self._settled(connection, letter)
        except (SQLAlchemyError, OSError) as error:
            self._let_go()
            said = str(error).splitlines()[0]
            raise StoreUnavailableError(f"{self.address} does not answer: {said}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise StoreUnavailableError(f"{self.address} holds nonsense: {error!r}") from error
        self.seen = reply.seen
        return reply

    def _settled(self, connection: sa.Connection, letter: Letter) -> Reply:
        now = self._now(connection)
        meta = self._read(connection, META)
        ledger = _begun(meta, self._boot())
        if ledger is None:
            ledger, meta = Ledger(), {}
            self._clear(connection)
        behind = bool(letter.era) and (letter.era != ledger.era or letter.seen > ledger.change)
        seen = 0 if behind else letter.seen
        before: Rows = {**_keyed(META, meta)}
        for section in WHOLE:
            found = self._read(connection, section)
            before.update(_keyed(section, found))
            getattr(ledger, section).update({name: json.loads(it) for name, it in found.items()})
        moved = self._read(connection, MOVED, above=seen)
        names = {*moved, *(each.name for each in letter.reports)}
        records = self._read(connection, RECORDS, names=names)
        moved.update(self._read(connection, MOVED, names=names))
        before.update({**_keyed(MOVED, moved), **_keyed(RECORDS, records)})
        ledger.moved = {name: int(number) for name, number in moved.items()}
        ledger.records = {name: Record(**json.loads(it)) for name, it in records.items()}
        reply = ledger.exchange(letter, now)
        self._write(connection, before, _rows(ledger, self._boot()), ledger)
        self._sweep(connection, now)
        return reply

    def _now(self, connection: sa.Connection) -> float:
        import sqlalchemy as sa

        if self._path is not None:
            return time.monotonic()
        told: Any = connection.scalar(sa.text("SELECT extract(epoch FROM clock_timestamp())"))
        return float(told)

    def _boot(self) -> str:
        """Return a name for this boot of the machine, whose time is the store's; "": none."""
        if self._path is None:
            return ""
        with suppress(OSError):
            return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return ""

    # -- rows ---------------------------------------------------------------------------------

    def _read(
        self,
        connection: sa.Connection,
        section: str,
        *,
        names: Iterable[str] | None = None,
        above: float | None = None,
    ) -> dict[str, str]:
        """Return `{name: JSON}` of a section: all, those named, or those with a greater number."""
        import sqlalchemy as sa

        table = self._table
        query = sa.select(table.c.name, table.c.value).where(table.c.section == self._in(section))
        if above is not None:
            query = query.where(table.c.number > above)
        if names is None:
            return {row.name: row.value for row in connection.execute(query)}
        found: dict[str, str] = {}
        wanted = sorted(names)
        for place in range(0, len(wanted), AT_ONCE):
            some = query.where(table.c.name.in_(wanted[place : place + AT_ONCE]))
            found.update({row.name: row.value for row in connection.execute(some)})
        return found

    def _write(self, connection: sa.Connection, before: Rows, after: Rows, ledger: Ledger) -> None:
        changed = [key for key, value in after.items() if before.get(key) != value]
        gone = [key for key in before if key not in after]
        if changed:
            rows = [
                {
                    "section": self._in(section), "name": name, "value": after[section, name],
                    "number": _number(ledger, section, name),
                }
                for section, name in sorted(changed)
            ]  # fmt: skip
            connection.execute(_upsert(self._table, connection.dialect.name), rows)
        for section, name in gone:
            self._delete(connection, section, name)

    def _delete(self, connection: sa.Connection, section: str, name: str) -> None:
        table = self._table
        here = (table.c.section == self._in(section)) & (table.c.name == name)
        connection.execute(table.delete().where(here))

    def _clear(self, connection: sa.Connection) -> None:
        """Forget what an earlier boot has left."""
        table = self._table
        ours = [self._in(each) for each in (META, RECORDS, MOVED, *WHOLE)]
        connection.execute(table.delete().where(table.c.section.in_(ours)))

    def _sweep(self, connection: sa.Connection, now: float) -> None:
        """Forget circuits that nobody has reported for an hour."""
        if time.monotonic() < self._swept_at + SWEPT:
            return
        self._swept_at = time.monotonic()
        table = self._table
        old = (table.c.section == self._in(RECORDS)) & (table.c.number <= now - KEPT)
        names = [name for (name,) in connection.execute(table.select().with_only_columns(
            table.c.name).where(old))]  # fmt: skip
        for name in names:
            self._delete(connection, RECORDS, name)
            self._delete(connection, MOVED, name)

    def _in(self, section: str) -> str:
        return f"{self._prefix}:{section}"[:120]

    # -- the database -------------------------------------------------------------------------

    def _lock(self, connection: sa.Connection) -> None:
        """Let no other worker in until the transaction ends."""
        import sqlalchemy as sa

        if self._path is not None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        key = zlib.crc32(self._prefix.encode())
        connection.execute(
            sa.text("SELECT pg_advisory_xact_lock(:a, :b)"), {"a": LOCK, "b": key % 2**31}
        )

    @contextmanager
    def _cut_off_late(self, connection: sa.Connection) -> Iterator[None]:
        """End the connection to a server that hangs: its driver would wait for it for ever.

        Each statement has the server's own timeout, so this is for one that does nothing at all.
        """
        if self._path is not None:
            yield
            return
        driver: Any = connection.connection.driver_connection
        with socket.socket(fileno=os.dup(driver.fileno())) as line:
            timer = threading.Timer(GIVEN_UP * self._timeout, _cut, (line,))
            timer.daemon = True
            timer.start()
            try:
                yield
            finally:
                timer.cancel()

    def _open(self) -> None:
        if self._is_open:
            return
        with addresses.alone(self._url), self._engine.begin() as connection:
            self._table.create(connection, checkfirst=True)
        self._file, self._is_open = self._file_now(), True

    def _follow_file(self) -> None:
        """Let go of a file that was removed or replaced: the others would not find us there."""
        if self._is_open and self._file_now() != self._file:
            self._let_go()

    def _file_now(self) -> tuple[int, int] | None:
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _let_go(self) -> None:
        self._is_open = False
        with suppress(Exception):
            self._engine.dispose()

    # -- hints --------------------------------------------------------------------------------

    def listen(self, hint: Callable[[], None]) -> None:
        """Hint when another worker has changed something; looked for, as nothing tells it."""
        self._listener = _Listener(self, hint)
        self._listener.start()

    def is_there(self) -> bool:
        """Tell whether a fleet has ever met here, without making anything.

        Raises:
            StoreUnavailableError: the database does not answer.
        """
        import sqlalchemy as sa
        from sqlalchemy.exc import SQLAlchemyError

        if self._path is not None and not self._path.exists():
            return False
        try:
            return bool(sa.inspect(self._engine).has_table(TABLE))
        except SQLAlchemyError as error:
            said = str(error).splitlines()[0]
            raise StoreUnavailableError(f"{self.address} does not answer: {said}") from error

    def change(self) -> int:
        """Return the number of the last change, without a place in the queue."""
        with self._engine.connect() as connection:
            return int(json.loads(self._read(connection, META).get("change", "0")))

    def after_fork(self) -> None:
        """Connect anew with the next exchange, and leave the parent's connections to it."""
        self._listener = None
        self._engine.dispose(close=False)
        self._begin()

    def close(self) -> None:
        """Let go of all connections."""
        if self._listener is not None:
            self._listener.wanted = False
            self._listener = None
        self._let_go()


class _Listener:
    """A thread that looks for changes: often while there are some, four times a second else."""

    def __init__(self, backend: SQLBackend, hint: Callable[[], None]) -> None:
        self._backend, self._hint = backend, hint
        self.wanted = True
        self._pause = threading.Event()

    def start(self) -> None:
        """Look from now on; where no thread is to be had, the usual exchanges have to do."""
        with suppress(RuntimeError):
            threading.Thread(target=self._work, name="resilience-fleet", daemon=True).start()

    def _work(self) -> None:
        wait = SOONEST
        while self.wanted:
            self._pause.wait(wait)
            wait = min(LATEST, wait * 1.5)
            with suppress(Exception):  # the exchange finds out, and says, what is wrong
                if self.wanted and self._backend.change() > self._backend.seen:
                    wait = SOONEST
                    self._hint()


def _cut(line: socket.socket) -> None:
    with suppress(OSError):  # it has just ended
        line.shutdown(socket.SHUT_RDWR)


def _table() -> sa.Table:
    import sqlalchemy as sa

    return sa.Table(
        TABLE,
        sa.MetaData(),
        sa.Column("section", sa.String(120), primary_key=True),
        sa.Column("name", sa.String(700), primary_key=True),
        sa.Column("number", sa.Float(53), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
    )


def _upsert(table: sa.Table, dialect: str) -> Any:
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    made = insert(table)
    return made.on_conflict_do_update(
        index_elements=["section", "name"],
        set_={"value": made.excluded.value, "number": made.excluded.number},
    )


def _begun(meta: Mapping[str, str], boot: str) -> Ledger | None:
    """Return a ledger with what stands for itself in it; None: it is of another boot, or new."""
    told = {name: json.loads(value) for name, value in meta.items()}
    if not told or told.get("boot", "") != boot:
        return None
    return Ledger(era=told["era"], change=int(told["change"]), token=int(told["token"]))


def _keyed(section: str, found: Mapping[str, str]) -> Rows:
    return {(section, name): value for name, value in found.items()}


def _rows(ledger: Ledger, boot: str) -> Rows:
    meta = {"era": ledger.era, "change": ledger.change, "token": ledger.token, "boot": boot}
    rows = {(META, name): json.dumps(value) for name, value in meta.items()}
    for section in WHOLE:
        for name, value in getattr(ledger, section).items():
            rows[section, name] = json.dumps(value)
    for name, number in ledger.moved.items():
        rows[MOVED, name] = json.dumps(number)
    for name, record in ledger.records.items():
        rows[RECORDS, name] = json.dumps(asdict(record))
    return rows


def _number(ledger: Ledger, section: str, name: str) -> float:
    if section == MOVED:
        return float(ledger.moved[name])
    return ledger.records[name].reported if section == RECORDS else 0.0
