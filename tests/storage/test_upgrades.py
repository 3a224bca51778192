"""A journal of an earlier version is upgraded step by step, and is whole whatever goes wrong."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from resilience.storage import sql
from resilience.storage.sql import SQLStore
from resilience.testing.contracts.stores import happened
from tests.servers.postgres import PostgresServer

HISTORY = "circuit_breaker_state_history"


def statement(text: str) -> Callable[[Any], None]:
    """Return a step that is one statement."""
    return lambda connection: connection.exec_driver_sql(text) and None


@pytest.fixture
def two_versions_later(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give what makes this program one of version 3, which knows both steps."""

    def make(third: str = "ALTER TABLE health_checks ADD COLUMN third TEXT") -> None:
        second = "ALTER TABLE health_checks ADD COLUMN second TEXT"
        monkeypatch.setattr(sql, "VERSION", 3)
        monkeypatch.setattr(sql, "STEPS", {2: statement(second), 3: statement(third)})

    return make


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Give a journal of version 1 with a row in it."""
    made = f"sqlite:///{tmp_path}/journal.db"
    store = SQLStore(made)
    store.open()
    store.write([happened(1.0)])
    store.close()
    return made


def columns(path: Path) -> set[str]:
    """Return the columns of `health_checks`."""
    with closing(sqlite3.connect(path)) as file:
        return {row[1] for row in file.execute("PRAGMA table_info(health_checks)")}


def test_each_step_is_taken_in_turn(
    url: str, tmp_path: Path, two_versions_later: Callable[..., None]
) -> None:
    """Rows stay; the file as it was stays beside it; again there is nothing to do."""
    two_versions_later()
    store = SQLStore(url)

    store.open()
    store.open()

    assert store.version() == 3
    assert {"second", "third"} <= columns(tmp_path / "journal.db")
    assert [row["at"] for row in store.read(HISTORY)] == [1.0]
    assert "second" not in columns(tmp_path / "journal.db.v1")
    store.close()


def test_from_every_version_in_between(url: str, two_versions_later: Callable[..., None]) -> None:
    """Only the steps that are missing are taken."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file, file:
        file.execute("ALTER TABLE health_checks ADD COLUMN second TEXT")
        file.execute("INSERT INTO schema_version VALUES (2, 0)")
    two_versions_later()
    store = SQLStore(url)

    store.open()

    assert store.version() == 3
    store.close()


def test_a_step_that_fails_changes_nothing(
    url: str, tmp_path: Path, two_versions_later: Callable[..., None]
) -> None:
    """Not even what the steps before it did: all was done to a copy."""
    two_versions_later(third="ALTER TABLE no_such ADD COLUMN third TEXT")
    store = SQLStore(url)

    with pytest.raises(Exception, match="no_such"):
        store.open()

    assert store.version() == 1
    assert "second" not in columns(tmp_path / "journal.db")
    assert [row["at"] for row in store.read(HISTORY)] == [1.0]
    assert not (tmp_path / "journal.db.upgrade").exists()
    store.close()


def test_postgresql_takes_all_steps_or_none(
    postgres_server: PostgresServer, two_versions_later: Callable[..., None]
) -> None:
    """In one transaction."""
    with postgres_server.database("upgrades") as name:
        store = SQLStore(postgres_server.url(name))
        store.open()
        store.write([happened(1.0)])
        two_versions_later(third="ALTER TABLE no_such ADD COLUMN third TEXT")
        with pytest.raises(Exception, match="no_such"):
            store.open()
        assert store.version() == 1

        two_versions_later()
        store.open()

        assert store.version() == 3
        assert [row["at"] for row in store.read(HISTORY)] == [1.0]
        store.close()
