"""A fleet's store in a SQL database: a SQLite file for the workers of one host, or PostgreSQL.

The pure `Ledger` decides, inside of one transaction that no other worker is in at the same time.
Only what a letter is about is read, and only what changed is written: the others wait meanwhile.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from resilience.errors import ConfigurationError, StoreUnavailableError
from resilience.fleet.base import KEPT, Letter, Reply
from resilience.fleet.databases import Database, Session
from resilience.fleet.ledger import Ledger
from resilience.fleet.listening import Listener
from resilience.fleet.postgresql import PostgreSQL
from resilience.fleet.sqlite import SQLiteFile
from resilience.fleet.verdicts import Record
from resilience.fleet.wire import NONSENSE
from resilience.storage import addresses

if TYPE_CHECKING:
    import sqlalchemy as sa

META, RECORDS, MOVED = "meta", "records", "moved"
WHOLE = ("workers", "crew", "orders", "leases")
"""Parts of the ledger that are small, and read as a whole."""

SOONEST = 0.02  # seconds between two looks for changes while there are some
AT_ONCE = 500  # names in one statement
SWEPT = 600.0  # seconds between two clearances of circuits that nobody reports any more

READ = "SELECT section, name, value FROM resilience_fleet WHERE section IN"
WRITE = """INSERT INTO resilience_fleet (section, name, number, value)
    VALUES (:section, :name, :number, :value) ON CONFLICT (section, name)
    DO UPDATE SET number = excluded.number, value = excluded.value"""
DELETE = "DELETE FROM resilience_fleet WHERE section = :section"
CHANGE = "SELECT value FROM resilience_fleet WHERE section = :section AND name = 'change'"
OLD = "SELECT name FROM resilience_fleet WHERE section = :records AND number <= :until"

Sections = dict[str, dict[str, Any]]
"""`{section: {name: value}}`, as the ledger has them."""

_META = ("era", "change", "token")
_RECORD = tuple(each.name for each in fields(Record))


class SQLBackend:
    """Keeps what workers know together in one table of a database.

    Times are those of the machine for a file, since it was booted: whoever shares it is on the same
    host, and no change of the wall clock matters. After another boot the file counts as empty,
    except that tokens go on growing. PostgreSQL tells its own time.

    Args:
        url: `sqlite:///fleet.db`, or `postgresql://user@host/name`.
        prefix: of the app and environment; others may share the table.
        timeout: seconds, > 0, for connecting, and for an answer.

    Raises:
        ConfigurationError: no such kind of database, or its driver is missing.
    """

    def __init__(self, url: str, prefix: str, timeout: float) -> None:
        parsed = addresses.parsed(url, "fleet")
        self.address = parsed.render_as_string(hide_password=True)
        self._database = _database(parsed, prefix, timeout)
        self._in = {each: f"{prefix}:{each}" for each in (META, RECORDS, MOVED, *WHOLE)}
        self._section = {place: each for each, place in self._in.items()}
        self._listener: _Listener | None = None
        self._begin()

    def _begin(self) -> None:
        self._swept_at = time.monotonic()
        self.seen = 0

    # -- exchange -----------------------------------------------------------------------------

    def exchange(self, letter: Letter) -> Reply:
        """Settle the letter in one transaction."""
        try:
            with self._database.alone() as session:
                reply = self._settled(session, letter)
        except self._database.errors as error:
            raise self._gone(error) from error
        except NONSENSE as error:
            raise StoreUnavailableError(f"{self.address} holds nonsense: {error!r}") from error
        self.seen = reply.seen
        return reply

    def _gone(self, error: Exception) -> StoreUnavailableError:
        said = str(error).splitlines()[0]
        return StoreUnavailableError(f"{self.address} does not answer: {said}")

    def _settled(self, session: Session, letter: Letter) -> Reply:
        now = session.now()
        before = self._read(session, (META, *WHOLE))
        if before[META].get("boot", "") != self._database.boot:
            before = self._after_boot(session, before)
        ledger = _begun(before, self._database.floor())
        before.update(self._read_about(session, letter, ledger))
        ledger.moved = dict(before[MOVED])
        ledger.records = {name: _record(value) for name, value in before[RECORDS].items()}
        reply = ledger.exchange(letter, now)
        self._write(session, before, ledger, {each.name for each in letter.reports})
        self._sweep(session, now)
        return reply

    def _after_boot(self, session: Session, before: Sections) -> Sections:
        """Forget all but the last token: times of an earlier boot say nothing now."""
        for section in (RECORDS, MOVED, *WHOLE):
            session.do(DELETE, [{"section": self._in[section]}])
        token = {name: value for name, value in before[META].items() if name == "token"}
        return {**{each: {} for each in WHOLE}, META: token}

    # -- rows ---------------------------------------------------------------------------------

    def _read_about(self, session: Session, letter: Letter, ledger: Ledger) -> Sections:
        """Return the circuits that the letter names, and those that its worker has to hear of."""
        names = {each.name for each in letter.reports}
        behind = bool(letter.era) and (letter.era != ledger.era or letter.seen > ledger.change)
        seen = 0 if behind else letter.seen
        if ledger.change > seen:
            moved = self._read(session, (MOVED,), "AND number > :seen", seen=seen)[MOVED]
            names.update(moved)
        found: Sections = {MOVED: {}, RECORDS: {}}
        wanted = sorted(names)
        for start in range(0, len(wanted), AT_ONCE):
            some = {f"n{place}": each for place, each in enumerate(wanted[start : start + AT_ONCE])}
            more = self._read(session, (MOVED, RECORDS), f"AND name IN ({_listed(some)})", **some)
            for section, rows in more.items():
                found[section].update(rows)
        return found

    def _read(
        self, session: Session, sections: Collection[str], also: str = "", **values: Any
    ) -> Sections:
        places = {f"s{place}": self._in[each] for place, each in enumerate(sections)}
        found: Sections = {each: {} for each in sections}
        for place, name, value in session.ask(
            f"{READ} ({_listed(places)}) {also}", {**places, **values}
        ):
            found[self._section[place]][name] = json.loads(value)
        return found

    def _write(
        self, session: Session, before: Sections, ledger: Ledger, reported: Collection[str]
    ) -> None:
        """Write what differs."""
        after: Sections = {
            META: {
                "era": ledger.era, "change": ledger.change, "token": ledger.token,
                "boot": self._database.boot,
            },
            **{each: getattr(ledger, each) for each in (*WHOLE, MOVED, RECORDS)},
        }  # fmt: skip
        gone = [
            {"section": self._in[section], "name": name}
            for section, known in before.items()
            for name in known.keys() - after[section].keys()
        ]
        if gone:
            session.do(f"{DELETE} AND name = :name", gone)
        rows = [
            {"section": self._in[section], "name": name, "number": number, "value": value}
            for section, name, number, value in _changed(before, after, reported)
        ]
        if rows:
            session.do(WRITE, rows)

    def _sweep(self, session: Session, now: float) -> None:
        """Forget circuits that nobody has reported for an hour."""
        if time.monotonic() < self._swept_at + SWEPT:
            return
        self._swept_at = time.monotonic()
        values = {"records": self._in[RECORDS], "until": now - KEPT}
        for place in (self._in[MOVED], self._in[RECORDS]):
            session.do(f"{DELETE} AND name IN ({OLD})", [{**values, "section": place}])

    # -- hints --------------------------------------------------------------------------------

    def listen(self, hint: Callable[[], None]) -> None:
        """Hint when another worker has changed something; looked for, as nothing tells it."""
        self._listener = _Listener(self, hint, self._database.rest)
        self._listener.start()

    def is_there(self) -> bool:
        """Tell whether a fleet has ever met here, without making anything.

        Raises:
            StoreUnavailableError: the database does not answer.
        """
        try:
            return self._database.has_table()
        except self._database.errors as error:
            raise self._gone(error) from error

    def change(self) -> int:
        """Return the number of the last change, without a place in the queue."""
        rows = self._database.look(CHANGE, {"section": self._in[META]})
        return int(rows[0][0]) if rows else 0

    def after_fork(self) -> None:
        """Connect anew with the next exchange, and leave the parent's connections to it."""
        self._listener = None
        self._database.after_fork()
        self._begin()

    def close(self) -> None:
        """Let go of all connections."""
        if self._listener is not None:
            self._listener.stop()
            self._listener = None
        self._database.close()


def _database(url: sa.URL, prefix: str, timeout: float) -> Database:
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
    path = path.absolute()  # the process may go to another folder
    return SQLiteFile(url.set(database=str(path)), path, timeout)


class _Listener(Listener):
    """Looks for changes: often while there are some, and else every `rest` seconds."""

    def __init__(self, backend: SQLBackend, hint: Callable[[], None], rest: float) -> None:
        super().__init__()
        self._backend, self._hint = backend, hint
        self._longest = rest
        self._rest = SOONEST

    def _listen(self) -> float:
        self._rest = min(self._longest, self._rest * 1.5)
        if self._backend.change() > self._backend.seen:
            self._rest = SOONEST
            self._hint()
        return self._rest


def _begun(found: Sections, floor: int) -> Ledger:
    """Return a ledger with all that stands for itself; it has new values put in, none changed."""
    meta = {name: found[META][name] for name in _META if name in found[META]}
    workers, crew, orders, leases = (dict(found[each]) for each in WHOLE)
    return Ledger(**meta, workers=workers, crew=crew, orders=orders, leases=leases, floor=floor)


def _record(value: dict[str, Any]) -> Record:
    """Return a circuit's record without what only a newer version of ours knows."""
    return Record(**{name: value[name] for name in _RECORD if name in value})


def _changed(
    before: Sections, after: Sections, reported: Collection[str]
) -> Iterator[tuple[str, str, float, str]]:
    """Yield section, name, number and JSON of what is to be written."""
    for section in (META, *WHOLE, MOVED):
        known = before.get(section, {})
        for name, value in after[section].items():
            if known.get(name) != value:
                number = float(value) if section == MOVED else 0.0
                yield section, name, number, json.dumps(value)
    for name in reported:  # its time at least has changed
        record = after[RECORDS][name]
        told = {each: getattr(record, each) for each in _RECORD}
        yield RECORDS, name, record.reported, json.dumps(told)


def _listed(values: Collection[str]) -> str:
    return ", ".join(f":{each}" for each in values)
