"""The last known good state: kept in memory or in a file, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp
from threading import Lock
from typing import Any, Protocol

from resilience.core.checks import function, judging
from resilience.core.copies import copied
from resilience.errors import ConfigurationError

log = logging.getLogger("resilience")

_MAGIC = b"resilience-checkpoint 1"


@dataclass(frozen=True, slots=True)
class Saved:
    """A state that was good.

    Args:
        value: the state.
        at: wall-clock time it was saved at, seconds since 1970-01-01 UTC.
        stale: True where a newer one was saved and is lost or damaged.
    """

    value: Any
    at: float
    stale: bool = False


class Checkpoint(Protocol):
    """Where the last known good state is kept."""

    def save(self, value: Any) -> None:
        """Keep a state that is known to be good; the one before is kept, too."""

    def candidates(self) -> Iterator[Saved]:
        """Yield the states that can be put back, newest first; damaged ones are left out."""
        ...


class MemoryCheckpoint:
    """Keeps the two last good states in this process, as deep copies."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, Any]] = deque(maxlen=2)

    def save(self, value: Any) -> None:
        """Keep a copy of a state that is known to be good."""
        self._kept.appendleft((time.time(), deepcopy(value)))

    def candidates(self) -> Iterator[Saved]:
        """Yield copies of what is kept, newest first."""
        for index, (at, value) in enumerate(copied(self._kept)):
            yield Saved(deepcopy(value), at, stale=index > 0)

    def load(self) -> Saved | None:
        """Return the newest one; None if nothing was saved."""
        return next(self.candidates(), None)


class FileCheckpoint:
    """Keeps the two last good states in files that are whole, or not there.

    A state is written to a new file with its SHA-256 in front, flushed to the disk, and put in
    place by renaming; what was there is kept beside it as `<name>.previous`, unless it is
    damaged. Several processes may save to one path: the last one wins.

    Args:
        path: the file; its folder has to exist.
        dumps: turns a state into bytes; default: JSON.
        loads: the reverse.
        valid: tells whether a loaded state is of the shape that the app expects; one that is
            not, or that cannot be loaded, is passed over. None: any is.

    Raises:
        ConfigurationError: no such folder, or no function.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        dumps: Callable[[Any], bytes] | None = None,
        loads: Callable[[bytes], Any] = json.loads,
        valid: Callable[[Any], bool] | None = None,
    ) -> None:
        if not isinstance(path, str | os.PathLike):
            raise ConfigurationError(f"checkpoint path={path!r}: give the path of a file")
        self.path = Path(path)
        if not self.path.parent.is_dir():
            raise ConfigurationError(f"checkpoint path={str(path)!r}: there is no such folder")
        if self.path.is_dir():
            raise ConfigurationError(f"checkpoint path={str(path)!r}: give a file, not a folder")
        self.previous = self.path.with_name(f"{self.path.name}.previous")
        self._dumps = function("checkpoint: dumps", _as_json if dumps is None else dumps, 1)
        self._loads = function("checkpoint: loads", loads, 1)
        self._valid = None if valid is None else judging("checkpoint: valid", valid)
        self._lock = Lock()

    def save(self, value: Any) -> None:
        """Keep a state that is known to be good; on any error what was kept stays.

        Raises:
            OSError: it cannot be written.
            Exception: `dumps` refused it.
        """
        content = _sealed(self._dumps(value), time.time())
        with self._lock:
            fresh = self._written(content)
            try:
                self._keep_previous()
                fresh.replace(self.path)
            except BaseException:
                fresh.unlink(missing_ok=True)
                raise
            _flush_folder(self.path.parent)

    def candidates(self) -> Iterator[Saved]:
        """Yield what can be loaded, newest first."""
        for path in (self.path, self.previous):
            saved = self._loaded(path)
            if saved is not None:
                yield saved

    def load(self) -> Saved | None:
        """Return the newest one that can be loaded; None if there is none."""
        return next(self.candidates(), None)

    def _written(self, content: bytes) -> Path:
        """Return a new file beside the old one, safely on the disk."""
        handle, name = mkstemp(prefix=f".{self.path.name}.", suffix=".new", dir=self.path.parent)
        fresh = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if self.path.exists():  # who may read it stays as it was
                shutil.copymode(self.path, fresh)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        return fresh

    def _keep_previous(self) -> None:
        """Give what is in place a second name, in one step; a damaged one does not get it."""
        content = _content_of(self.path)
        if content is None or _unsealed(content) is None:
            return
        link = self.path.with_name(f".{self.path.name}.{os.urandom(6).hex()}.old")
        try:
            try:
                link.hardlink_to(self.path)
            except OSError:  # a file system without hard links
                shutil.copy2(self.path, link)
            link.replace(self.previous)
        except BaseException:
            link.unlink(missing_ok=True)
            raise

    def _loaded(self, path: Path) -> Saved | None:
        content = _content_of(path)
        if content is None:
            return None
        unsealed = _unsealed(content)
        if unsealed is None:
            log.warning("checkpoint %s is damaged: its checksum does not match", path)
            return None
        payload, at = unsealed
        try:
            value = self._loads(payload)
            if self._valid is None or self._valid(value):
                return Saved(value, at, stale=path == self.previous)
        except Exception:
            log.warning("checkpoint %s cannot be loaded", path, exc_info=True)
            return None
        log.warning("checkpoint %s is not of the shape that is expected", path)
        return None


def _as_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _sealed(payload: bytes, at: float) -> bytes:
    """Return `payload` behind a line that tells whether it is still whole."""
    body = b"%r\n%s" % (at, payload)
    return b"%s %s %s" % (_MAGIC, hashlib.sha256(body).hexdigest().encode(), body)


def _unsealed(content: bytes) -> tuple[bytes, float] | None:
    """Return the payload and when it was saved; None if it is not what was written."""
    header, _, rest = content.partition(b" ".join((_MAGIC, b"")))
    if header or not rest:
        return None
    digest, _, body = rest.partition(b" ")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        return None
    at, _, payload = body.partition(b"\n")
    return payload, float(at)


def _content_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError:
        log.warning("checkpoint %s cannot be read", path, exc_info=True)
        return None


def _flush_folder(folder: Path) -> None:
    """Make the renaming itself last; what cannot do that does without."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
