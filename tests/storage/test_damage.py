"""A damaged file is set aside and replaced by its copy, and nobody waits for it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from resilience import System
from resilience.storage.tables import Row
from resilience.testing import ManualClock

TABLE = "circuit_breaker_state_history"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the journal is."""
    return tmp_path / "journal.db"


@pytest.fixture
def kept(system: System, path: Path) -> Iterator[System]:
    """Give a system whose journal holds 500 rows, and a copy of them."""
    system.configure({"journal": {"url": f"sqlite:///{path}"}})
    for number in range(500):
        record(system, float(number))
    system.journal.flush()
    system.journal.look_after()
    yield system
    system.configure({"journal": {"enabled": False}})


def record(system: System, at: float) -> None:
    """Keep a row."""
    values = {"at": at, "worker": "w", "component": "c", "type": "t", "reason": "x" * 100}
    system.journal.record(Row(TABLE, values))


def damage(system: System, path: Path) -> None:
    """Write nonsense over the whole file but its first page, as a failing disk does."""
    store = system.journal._store
    assert store is not None
    store.close()  # writes the log into the file
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))


def test_its_copy_takes_its_place(
    kept: System, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With the next flush; what waited is written, the damaged file stays, it is said once."""
    damage(kept, path)

    record(kept, 500.0)
    kept.journal.flush()
    record(kept, 501.0)
    kept.journal.flush()

    assert [row["at"] for row in kept.journal.read(TABLE)] == [float(each) for each in range(502)]
    assert kept.journal.status().error is None
    assert len(list(path.parent.glob("journal.db.corrupt-*Z"))) == 1
    said = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert len(said) == 1
    assert "was damaged" in said[0]
    assert "its last copy is in its place" in said[0]


def test_without_a_copy_a_new_one_is_begun(kept: System, path: Path) -> None:
    """And what waited goes there."""
    path.with_name("journal.db.backup").unlink()
    damage(kept, path)

    record(kept, 500.0)
    kept.journal.flush()

    assert [row["at"] for row in kept.journal.read(TABLE)] == [500.0]


def test_what_is_no_database_is_set_aside_at_start(path: Path, clock: ManualClock) -> None:
    """So that the app starts."""
    path.write_bytes(b"this is no database" * 1000)
    system = System({"journal": {"url": f"sqlite:///{path}"}}, clock=clock)

    with system:
        record(system, 1.0)

    assert [row["at"] for row in system.journal.read(TABLE)] == [1.0]
    system.configure({"journal": {"enabled": False}})


def test_damage_is_found_before_somebody_stumbles_over_it(kept: System, path: Path) -> None:
    """When the next copy is due: a damaged file never replaces a good copy."""
    copy = path.with_name("journal.db.backup")
    damage(kept, path)
    copy.rename(copy.with_name("old"))
    kept.journal.look_after()
    assert not copy.exists()
    assert len(list(path.parent.glob("journal.db.corrupt-*Z"))) == 1


def test_another_worker_follows_to_the_new_file(kept: System, path: Path) -> None:
    """It had the old one open, and would write where nobody looks."""
    other = System({"journal": {"url": f"sqlite:///{path}"}})
    record(other, 1000.0)
    other.journal.flush()
    kept.journal.look_after()
    damage(kept, path)
    record(kept, 2000.0)
    kept.journal.flush()

    record(other, 3000.0)
    other.journal.flush()

    with closing(sqlite3.connect(path)) as file:
        found = {at for (at,) in file.execute(f"SELECT at FROM {TABLE} WHERE at >= 1000")}
    assert {2000.0, 3000.0} <= found
    other.configure({"journal": {"enabled": False}})


def test_a_copy_is_made_once_for_all_workers(kept: System, path: Path) -> None:
    """While it is young, nobody makes another."""
    copy = path.with_name("journal.db.backup")
    made = copy.stat().st_mtime_ns

    kept.journal.look_after()

    assert copy.stat().st_mtime_ns == made
    with closing(sqlite3.connect(copy)) as file:
        assert file.execute(f"SELECT COUNT(*) FROM {TABLE}").fetchone() == (500,)
