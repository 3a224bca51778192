"""SQLite files that are damaged: set aside, and replaced by their backup copy."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Unpack

from resilience.core.checks import function
from resilience.healing.actions import Action, ActionOptions
from resilience.healing.named import over

_BESIDE = ("-wal", "-shm", "-journal")
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


class ReplaceCorruptFile(Action):
    """Sets a damaged SQLite file aside, and puts its backup copy in its place.

    The damaged one is renamed to `<name>.corrupt-<time>`, never deleted, together with its `-wal`
    and `-shm`, which would spoil the copy. Of several processes one does it; the others find the
    file whole.

    Args:
        component: what it recovers.
        path: the file.
        backup: its copy, made by `back_up`; None, or a damaged one: the app begins with no file.
        reopen: called afterwards, to open the file anew: what was open leads to the old one.
        options: those of `Action`. Three times a day at most.
    """

    def __init__(
        self,
        component: str,
        path: str | os.PathLike[str],
        *,
        backup: str | os.PathLike[str] | None = None,
        reopen: Callable[[], object] | None = None,
        **options: Unpack[ActionOptions],
    ) -> None:
        self._path = Path(path)
        self._backup = None if backup is None else Path(backup)
        self._reopen = (
            reopen if reopen is None else function("ReplaceCorruptFile: reopen", reopen, 0)
        )
        super().__init__(component, **over(options, on=tells_of_damage, period=86400.0))
        if self.verify is None:
            self.verify = self._is_usable

    def act(self) -> None:
        """Set it aside, and put the backup in its place."""
        with _alone(self._path):
            if is_damaged(self._path):
                set_aside(self._path, self._clock().time())
                if self._backup is not None and is_whole(self._backup):
                    _put(self._backup, self._path)
        if self._reopen is not None:
            self._reopen()

    def measure(self) -> str:
        """Return "whole", "damaged", or "missing"."""
        if not self._path.exists():
            return "missing"
        return "damaged" if is_damaged(self._path) else "whole"

    def _is_usable(self) -> bool:
        return not is_damaged(self._path)


def tells_of_damage(error: BaseException) -> bool:
    """Tell whether an error, or what it was raised from, is SQLite's word for a damaged file."""
    seen: set[int] = set()
    found: Any = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        if str(getattr(found, "sqlite_errorname", "")).startswith(_DAMAGE):
            return True
        found = getattr(found, "orig", None) or found.__cause__  # SQLAlchemy's, Django's
    return False


def is_damaged(path: Path) -> bool:
    """Tell whether SQLite finds damage in a file; one that is missing or locked has none."""
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return tells_of_damage(error)
    return bool(found != "ok")


def is_whole(path: Path) -> bool:
    """Tell whether a file is there, and SQLite finds no damage in it."""
    return path.exists() and not is_damaged(path)


def set_aside(path: Path, at: float) -> Path:
    """Rename a file and what SQLite keeps beside it; return the new name.

    Args:
        path: the file.
        at: wall-clock time, seconds since 1970-01-01 UTC, which becomes part of the name.
    """
    stamp = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.corrupt-{stamp}-{number}")
    path.rename(aside)
    for suffix in _BESIDE:
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


def back_up(path: str | os.PathLike[str], backup: str | os.PathLike[str]) -> bool:
    """Copy a SQLite file that is in use, if it is whole; tell whether that was done.

    The copy takes the place of the one before in one step.

    Raises:
        OSError, sqlite3.Error: it cannot be read or written; the copy before stays.
    """
    source, target = Path(path), Path(backup)
    if not is_whole(source):
        return False
    with _new_file(target) as fresh:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as original,
            closing(sqlite3.connect(fresh)) as copy,
        ):
            original.backup(copy)
        shutil.copymode(source, fresh)
        fresh.replace(target)
    return True


def _put(backup: Path, path: Path) -> None:
    with _new_file(path) as fresh:
        shutil.copyfile(backup, fresh)
        shutil.copymode(backup, fresh)
        fresh.replace(path)


@contextmanager
def _new_file(beside: Path) -> Iterator[Path]:
    """Give an empty file in the same folder, which is gone afterwards unless it was renamed."""
    handle, name = tempfile.mkstemp(prefix=f".{beside.name}.", suffix=".new", dir=beside.parent)
    os.close(handle)
    fresh = Path(name)
    try:
        yield fresh
    finally:
        for suffix in ("", *_BESIDE):
            fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes from doing the same meanwhile."""
    try:
        import fcntl
    except ImportError:  # Windows, where an open file cannot be renamed anyway
        yield
        return
    with path.with_name(f"{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
