"""The journal: takes what happens, and writes it when nobody waits for it."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from resilience.core.runtime import Runtime
from resilience.core.schedule import Duty
from resilience.errors import ConfigurationError
from resilience.events import Event
from resilience.storage.base import Keeper, Store
from resilience.storage.condensing import RULES, Rule
from resilience.storage.records import KEPT, rows_of
from resilience.storage.settings import JournalSettings
from resilience.storage.tables import Row
from resilience.storage.waiting import Waiting

log = logging.getLogger("resilience")

Source = Callable[[], Iterable[Row]]
Restorer = Callable[[Store | None], object]

PRUNED_EVERY = 3600.0  # seconds
COPIED_EVERY = 600.0  # seconds between two looks whether a copy of the file is due
PRUNED_AT_ONCE = 1000  # rows in one transaction
CONDENSED_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class JournalStatus:
    """How the journal is.

    Args:
        enabled: whether anything is kept.
        address: where; without a password.
        queued: rows that wait to be written.
        written: rows written by this process.
        dropped: rows that were dropped because too many waited.
        error: why it cannot be written at present; None: it can.
    """

    enabled: bool
    address: str
    queued: int
    written: int
    dropped: int
    error: str | None


class Journal:
    """Keeps what happens to a system.

    Events wait in memory and are written in the background, in batches. What is wrong with the
    database is said once, never reaches a call, and is tried again until it works.

    Args:
        runtime: the system's clock, events and engine.
        open_store: returns the store of an address; default: a SQL database.
        keeper: looks after the file of a store that is one.
    """

    def __init__(
        self,
        runtime: Runtime,
        open_store: Callable[[str], Store] | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        self._keeper = keeper
        self._runtime = runtime
        self._open_store = open_store or self._open_by_scheme
        self._schemes: dict[str, Callable[[str], Store]] = {}
        self._sources: list[Source] = []
        self._restorers: list[Restorer] = []
        self._duties: list[Duty] = []
        self._unsubscribe: Callable[[], None] = lambda: None
        self._store: Store | None = None
        self.settings = JournalSettings(enabled=False)
        runtime.engine.at_stop(self.drain)
        self._begin()
        _journals.add(self)

    def _begin(self) -> None:
        self._waiting = Waiting(self.settings.queue_size)
        self._in_hand: list[Row] = []  # taken from the queue, and not written yet
        self._writing = Lock()
        self._is_open = self._is_restored = False
        self._written = self._told_of_dropped = 0
        self._error: str | None = None
        self._condensed: dict[Rule, float] = {}  # wall-clock seconds up to which that is done

    # -- settings -----------------------------------------------------------------------------

    def prepare(self, settings: JournalSettings) -> Callable[[], None]:
        """Return what puts settings in force; the same ones again change nothing.

        Raises:
            ConfigurationError: no such database, no driver, or no such folder.
        """
        if settings == self.settings:
            return lambda: None
        store = self._open_store(settings.address) if settings.is_on else None
        return partial(self._switch, settings, store)

    def _switch(self, settings: JournalSettings, store: Store | None) -> None:
        self._switch_off()
        self.settings, self._store = settings, store
        self._begin()
        if store is not None:
            self._switch_on()

    def _switch_on(self) -> None:
        settings, engine = self.settings, self._runtime.engine
        self._unsubscribe = self._runtime.bus.subscribe(self._put, KEPT)
        self._duties = [
            engine.every(1.0, self.gather, name="journal gather", jitter=0.0, first=1.0),
            engine.every(
                settings.flush_interval, self.flush, name="journal", blocking=True,
                first=0.0, jitter=0.0,  # at once: it opens it, and restores what holds
            ),
            engine.every(
                COPIED_EVERY, self.look_after, name="journal copy", blocking=True, first=30.0
            ),
            engine.every(
                PRUNED_EVERY, self.prune, name="journal prune", blocking=True, first=60.0
            ),
        ]  # fmt: skip

    def _switch_off(self) -> None:
        self._unsubscribe()
        self.drain()
        for duty in self._duties:
            duty.cancel()
        self._duties = []
        if self._store is not None:
            self._store.close()

    def add_scheme(self, scheme: str, open_store: Callable[[str], Store]) -> None:
        """Let `open_store(url)` give the store of URLs that begin with `scheme://`."""
        self._schemes[scheme] = open_store

    @property
    def path(self) -> Path | None:
        """The file of its SQLite database; None: it has none, or is off."""
        return None if self._store is None else self._store.path

    def store_at(self, address: str) -> Store:
        """Return the store of an address, not yet open, for those who read it by themselves."""
        return self._open_store(address)

    def _open_by_scheme(self, address: str) -> Store:
        return self._schemes.get(address.partition(":")[0], _sql_store)(address)

    def add_source(self, source: Source) -> None:
        """Ask `source()` once a second for rows to keep, while the journal is on."""
        self._sources.append(source)

    def add_restorer(self, restorer: Restorer) -> None:
        """Call `restorer(store)` once it is open, before anything else is written.

        It gets None where nothing is to be restored (setting `restore`).
        """
        self._restorers.append(restorer)

    # -- in -----------------------------------------------------------------------------------

    def record(self, row: Row) -> None:
        """Keep a row; returns at once."""
        if self._store is not None:
            self._put(row)

    def _put(self, item: Event | Row) -> None:
        waiting = self._waiting.put(item)
        if waiting == self.settings.batch_size and self._error is None:
            self._duties[1].soon()

    def gather(self) -> None:
        """Ask the sources what there is to keep."""
        for source in self._sources:
            for row in source():
                self.record(row)

    # -- out ----------------------------------------------------------------------------------

    def open(self) -> None:
        """Connect, and make or upgrade the tables; done by itself before the first write.

        Raises:
            ConfigurationError: it can never work like this.
            Exception: the database cannot be reached now.
        """
        if self._store is not None and not self._is_open:
            self._store.open()
            self._is_open = True
        if not self._is_restored:
            self._restore()

    def _restore(self) -> None:
        store = self._store if self.settings.restore else None
        for restorer in self._restorers:
            restorer(store)
        self._is_restored = True

    def start(self) -> None:
        """Open it now, so that what can never work is said at once.

        Raises:
            ConfigurationError: it can never work like this. A database that cannot be reached is
                no reason: that is logged, and tried again.
        """
        try:
            self.open()
        except ConfigurationError:
            raise
        except Exception as error:
            if not self._repaired(error):
                self._failed(error)

    def flush(self) -> int:
        """Write all that waits; return how many rows were written."""
        before = self._written
        try:
            try:
                self._write_all()
            except Exception as error:
                if not self._repaired(error):
                    raise
                self._write_all()
        except Exception as error:
            self._failed(error)
        else:
            self._works()
        self._tell_of_dropped()
        return self._written - before

    def _write_all(self) -> None:
        self.open()
        with self._writing:
            while batch := self._next_batch():
                self._written_down(batch)
                self._in_hand = []

    def _next_batch(self) -> list[Row]:
        if not self._in_hand:
            for each in self._waiting.take(self.settings.batch_size):
                self._in_hand += [each] if isinstance(each, Row) else rows_of(each)
        return self._in_hand

    def _written_down(self, batch: list[Row]) -> None:
        assert self._store is not None
        self._store.write(batch)
        self._written += len(batch)

    def drain(self) -> None:
        """Write all that waits, if the database works; the system's end calls it."""
        if self._store is None:
            return
        if not self._is_restored and not self._error:
            self.flush()  # what is in force is told only after what was has been read
        self.gather()
        self.flush()

    def prune(self) -> int:
        """Delete history older than `retention_days`, in small batches; return how many rows.

        Counts of calls that are old enough are condensed.
        """
        if self._store is None:
            return 0
        self.open()
        for rule in RULES:
            self._condense(self._store, rule)
        gone, before = 0, self._runtime.clock.time() - self.settings.retention
        while batch := self._store.prune(before, PRUNED_AT_ONCE):
            gone += batch
        return gone

    def look_after(self) -> None:
        """Keep a copy of a file; repair it if it is damaged."""
        path = None if self._store is None else self._store.path
        if self._keeper is not None and path is not None and not self._keeper.copy(path):
            self._repaired(None)

    def _repaired(self, error: Exception | None) -> bool:
        """Tell whether something was wrong with the file that is right now."""
        path = None if self._store is None else self._store.path
        if self._keeper is None or path is None:
            return False
        return self._keeper.repair(path, error, self._reopen)

    def _reopen(self) -> None:
        assert self._store is not None
        self._store.close()
        self._is_open = False

    def _condense(self, store: Store, rule: Rule) -> None:
        now = self._runtime.clock.time()
        done: float | None = self._condensed.get(rule, 0.0)
        while done is not None:
            self._condensed[rule] = done
            done = store.condense(rule, now, done, CONDENSED_AT_ONCE)

    # -- reading ------------------------------------------------------------------------------

    def read(
        self,
        table: str,
        *,
        since: float | None = None,
        until: float | None = None,
        equal: Mapping[str, Any] | None = None,
        newest: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return rows, oldest first, as `Store.read` does; this waits for the database.

        Raises:
            ConfigurationError: the journal is off.
        """
        if self._store is None:
            raise ConfigurationError(
                "the journal is off: give journal url=, such as 'sqlite:///resilience.db'"
            )
        self.open()
        return self._store.read(table, since=since, until=until, equal=equal, newest=newest)

    def status(self) -> JournalStatus:
        """Return how it is."""
        address = "" if self._store is None else self._store.address
        return JournalStatus(
            self._store is not None,
            address,
            len(self._waiting) + len(self._in_hand),
            self._written,
            self._told_of_dropped,
            self._error,
        )

    # -- trouble ------------------------------------------------------------------------------

    def _failed(self, error: Exception) -> None:
        said = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        if self._error is None:
            assert self._store is not None
            log.error(
                "journal %s cannot be written (%s): requests go on, up to %d rows wait, and it is "
                "tried again every %g s",
                self._store.address, said, self.settings.queue_size, self.settings.flush_interval,
            )  # fmt: skip
        self._error = said

    def _works(self) -> None:
        if self._error is not None:
            log.warning("the journal works again")
        self._error = None

    def _tell_of_dropped(self) -> None:
        dropped = self._waiting.dropped()
        if dropped and not self._told_of_dropped:
            log.warning(
                "journal: more than queue_size=%d rows waited: the oldest are dropped, %d so far",
                self.settings.queue_size, dropped,
            )  # fmt: skip
        self._told_of_dropped = dropped

    def after_fork(self) -> None:
        """Begin anew in a forked child: the parent writes what waited, on its own connections."""
        self._begin()
        if self._store is not None:
            self._store.after_fork()


def _sql_store(address: str) -> Store:
    from resilience.storage.sql import SQLStore

    return SQLStore(address)


_journals: weakref.WeakSet[Journal] = weakref.WeakSet()


def _after_fork() -> None:
    for journal in list(_journals):
        journal.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
