"""A damaged SQLite file: set aside, and replaced by its backup copy."""

import contextlib
import multiprocessing
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DatabaseError

from resilience.healing.actions import Outcome
from resilience.healing.repairs import ReplaceCorruptFile, back_up
from resilience.healing.repairs.files import is_damaged, tells_of_damage
from resilience.testing import ManualClock

ROWS = 50_000


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Give a file in WAL mode with 50,000 rows, and a copy of it beside."""
    made = tmp_path / "journal.db"
    with closing(sqlite3.connect(made)) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE events (at REAL, said TEXT)")
        database.executemany(
            "INSERT INTO events VALUES (?, ?)",
            ((number, f"event {number}") for number in range(ROWS)),
        )
    assert back_up(made, tmp_path / "journal.backup")
    yield made
    assert not list(tmp_path.glob(".*.new*"))


def damage(path: Path) -> None:
    """Write nonsense over the middle of the file, as a failing disk does."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 40_960)


def rows(path: Path) -> int:
    """Count the rows."""
    with closing(sqlite3.connect(path)) as database:
        (number,) = database.execute("SELECT count(*) FROM events").fetchone()
    return int(number)


def error_of(path: Path) -> sqlite3.Error:
    """Return what SQLite says when all is read."""
    with pytest.raises(sqlite3.DatabaseError) as caught:
        rows(path)
    return caught.value


def test_the_backup_takes_the_place_of_a_damaged_file(path: Path, clock: ManualClock) -> None:
    """All rows are there again; the damaged file is kept beside it."""
    action = ReplaceCorruptFile(
        "journal", path, backup=path.with_name("journal.backup"), clock=clock
    )
    damage(path)
    assert action.applies(error_of(path))

    record = action.run()

    assert (record.before, record.after, record.outcome) == ("damaged", "whole", Outcome.VERIFIED)
    assert rows(path) == ROWS
    (aside,) = path.parent.glob("journal.db.corrupt-*Z")
    assert is_damaged(aside)


def test_what_sqlite_keeps_beside_it_goes_with_it(path: Path, clock: ManualClock) -> None:
    """A `-wal` of the damaged file would be played back into the copy."""
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("INSERT INTO events VALUES (1, 'only in the log')")
        writer.commit()
        assert path.with_name("journal.db-wal").stat().st_size > 0
        damage(path)

        ReplaceCorruptFile(
            "journal", path, backup=path.with_name("journal.backup"), clock=clock
        ).run()

        beside = {each.name.partition("Z")[2] for each in path.parent.glob("*.corrupt-*")}
        assert beside == {"", "-wal", "-shm"}
        assert rows(path) == ROWS


def test_who_has_the_old_file_open_does_no_harm_to_the_new_one(
    path: Path, clock: ManualClock
) -> None:
    """SQLite removes a `-wal` by its name when the last one closes, but not one of another file."""
    old = sqlite3.connect(path)
    old.execute("INSERT INTO events VALUES (1, 'to the old file')")
    old.commit()
    damage(path)
    ReplaceCorruptFile("journal", path, backup=path.with_name("journal.backup"), clock=clock).run()
    with closing(sqlite3.connect(path)) as new:
        new.execute("INSERT INTO events VALUES (2, 'to the new file')")
        new.commit()

        with contextlib.suppress(sqlite3.Error):
            old.execute("INSERT INTO events VALUES (3, 'late')")
            old.commit()
        old.close()

        assert path.with_name("journal.db-wal").stat().st_size > 0
        assert rows(path) == ROWS + 1
    assert rows(path) == ROWS + 1
    assert not is_damaged(path)


def test_without_a_backup_the_app_begins_anew(path: Path, clock: ManualClock) -> None:
    """With no file, where it makes one; a damaged backup is none."""
    backup = path.with_name("journal.backup")
    damage(path)
    damage(backup)

    record = ReplaceCorruptFile("journal", path, backup=backup, clock=clock).run()

    assert (record.before, record.after, record.outcome) == ("damaged", "missing", Outcome.VERIFIED)
    assert not path.exists()


def test_a_whole_file_is_left_alone(path: Path, clock: ManualClock) -> None:
    """Somebody else has replaced it: only what is open is opened anew."""
    reopened = []
    action = ReplaceCorruptFile(
        "journal", path, reopen=lambda: reopened.append(1), clock=clock, cool_down=0
    )

    record = action.run()

    assert (record.before, record.after) == ("whole", "whole")
    assert reopened == [1]
    assert not list(path.parent.glob("*.corrupt-*"))


def replace(path: Path, start: "multiprocessing.synchronize.Barrier") -> None:
    """Run the action in a process of its own."""
    start.wait(30)
    ReplaceCorruptFile("journal", path, backup=path.with_name("journal.backup")).run()


def test_of_several_processes_one_does_it(path: Path) -> None:
    """Four meet the damage at once: one file is set aside, and the copy is put there once."""
    damage(path)
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(4)
    workers = [context.Process(target=replace, args=(path, start)) for _ in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join(30)

    assert [each.exitcode for each in workers] == [0] * 4
    assert rows(path) == ROWS
    assert len(list(path.parent.glob("journal.db.corrupt-*Z"))) == 1


def test_errors_of_layers_above_are_understood(path: Path) -> None:
    """SQLAlchemy's, which carry SQLite's own."""
    damage(path)
    engine = create_engine(f"sqlite:///{path}")
    with pytest.raises(DatabaseError) as caught, engine.connect() as connection:
        connection.execute(text("SELECT count(*) FROM events"))
    engine.dispose()

    assert tells_of_damage(caught.value)
    assert not tells_of_damage(sqlite3.OperationalError("database is locked"))
    assert not tells_of_damage(ValueError("malformed"))


def test_what_is_no_database_is_damaged(tmp_path: Path) -> None:
    """Such as an empty page of zeros; a file that is not there is not."""
    path = tmp_path / "journal.db"
    assert not is_damaged(path)

    path.write_bytes(b"\0" * 8192)

    assert is_damaged(path)


def test_a_locked_file_is_not_damaged(path: Path) -> None:
    """Whoever writes to it goes on."""
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert not is_damaged(path)


def test_a_backup_is_made_of_a_whole_file_only(path: Path) -> None:
    """The copy before stays; who may read the file may read the copy."""
    path.chmod(0o640)
    backup = path.with_name("journal.backup")
    assert back_up(path, backup)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o640

    damage(path)

    assert not back_up(path, backup)
    assert rows(backup) == ROWS
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    assert not back_up(path, backup)


def test_two_in_one_second_have_two_names(path: Path, clock: ManualClock) -> None:
    """Neither takes the other's place."""
    action = ReplaceCorruptFile(
        "journal", path, backup=path.with_name("journal.backup"), clock=clock, cool_down=0
    )
    for _ in range(2):
        damage(path)
        assert action.run().outcome is Outcome.VERIFIED

    names = [each.name for each in path.parent.glob("journal.db.corrupt-*")]
    assert len([each for each in names if not each.endswith(("-wal", "-shm"))]) == 2
