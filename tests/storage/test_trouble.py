"""Real databases in real trouble: calls go on, it is said once, and the journal comes back."""

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from resilience import System
from resilience.storage.journal import Journal
from resilience.storage.settings import JournalSettings
from resilience.storage.sql import SQLStore
from resilience.storage.tables import Row
from tests.servers.postgres import PostgresServer

TABLE = "circuit_breaker_state_history"


@pytest.fixture
def journal(system: System, tmp_path: Path) -> Iterator[Journal]:
    """Give a journal in a file that waits for locks only briefly."""
    yield from journal_at(system, f"sqlite:///{tmp_path}/journal.db")


def journal_at(system: System, url: str) -> Iterator[Journal]:
    """Give a journal at a URL, with little patience."""
    made = Journal(system.runtime, partial(SQLStore, patience=0.2))
    made.prepare(JournalSettings(url=url))()
    yield made
    made.prepare(JournalSettings(enabled=False))()


def row(at: float) -> Row:
    """Return a row."""
    return Row(TABLE, {"at": at, "worker": "w", "component": "c", "type": "t"})


def times(journal: Journal) -> list[float]:
    """Return what is in the file."""
    return [each["at"] for each in journal.read(TABLE)]


def test_a_locked_file_is_waited_for_in_the_background(
    journal: Journal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Another process that holds it costs a call nothing; nothing is lost."""
    journal.open()
    other = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    journal.record(row(1.0))
    writing = threading.Thread(target=journal.flush)
    writing.start()

    started = time.monotonic()
    journal.record(row(2.0))
    took = time.monotonic() - started
    writing.join(20)
    assert took < 0.1
    assert "locked" in str(journal.status().error)
    other.execute("ROLLBACK")
    other.close()
    journal.flush()

    assert times(journal) == [1.0, 2.0]
    assert [each.levelno for each in caplog.records] == [logging.ERROR, logging.WARNING]


def test_a_full_disk_is_said_once_and_left_when_there_is_room(
    journal: Journal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """SQLite's own limit of pages is to it what a full disk is."""
    journal.open()
    store = journal._store
    assert isinstance(store, SQLStore)
    limit_pages(store, None)
    for each in range(2000):
        journal.record(row(float(each)))
    journal.flush()
    assert "full" in str(journal.status().error)
    journal.flush()

    limit_pages(store, 1_000_000)
    journal.flush()

    assert times(journal) == [float(each) for each in range(2000)]
    assert sum("cannot be written" in each.getMessage() for each in caplog.records) == 1


def limit_pages(store: SQLStore, most: int | None) -> None:
    """Limit the file's size, to what it has by default; the pool has but one connection."""
    with store.engine.connect() as connection:
        pages = most or connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")


def test_a_read_only_file_is_said_by_name(
    system: System, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Requests go on, and what happens is lost only beyond `queue_size`."""
    made = Journal(system.runtime)
    made.prepare(JournalSettings(url=f"sqlite:///{tmp_path}/journal.db"))()
    made.open()
    made.prepare(JournalSettings(enabled=False))()
    read_only = Journal(system.runtime)
    read_only.prepare(
        JournalSettings(url=f"sqlite:///file:{tmp_path}/journal.db?mode=ro&uri=true")
    )()

    read_only.record(row(1.0))
    read_only.flush()

    assert "readonly" in str(read_only.status().error)
    assert "attempt to write a readonly database" in caplog.text
    read_only.prepare(JournalSettings(enabled=False))()


def test_a_lost_server_is_found_again(
    system: System, fresh_postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Stopped and started under the journal's feet."""
    with fresh_postgres.database("journal_lost") as name:
        for journal in journal_at(system, fresh_postgres.url(name)):
            journal.record(row(1.0))
            journal.flush()
            with fresh_postgres.stopped():
                journal.record(row(2.0))
                journal.flush()
                assert journal.status().error
                assert journal.status().queued == 1
            journal.flush()
            if journal.status().error:  # the pool learns of the loss by the first attempt
                journal.flush()

            assert times(journal) == [1.0, 2.0]
            assert journal.status().error is None


def test_a_wrong_password_is_said_without_showing_it(
    system: System, postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    """By the server's own words."""
    url = postgres_server.url().replace("://", "://nobody:hush@", 1)
    url = f"postgresql://nobody:hush@{url.rpartition('@')[2]}"
    for journal in journal_at(system, url):
        journal.record(row(1.0))
        journal.flush()

        assert "nobody" in str(journal.status().error)
    assert "cannot be written" in caplog.text
    assert "hush" not in caplog.text


def test_a_file_of_another_program_is_left_alone(system: System, tmp_path: Path) -> None:
    """One with a table of our name, and no version."""
    with sqlite3.connect(tmp_path / "journal.db") as file:
        file.execute("CREATE TABLE health_checks (mine TEXT)")
    file.close()
    system.configure({"journal": {"url": f"sqlite:///{tmp_path}/journal.db"}})

    with pytest.raises(ValueError, match="tables of our names and no schema_version"):
        system.start()
    system.configure({"journal": {"enabled": False}})
