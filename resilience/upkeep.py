"""The journal's file: a copy of it now and then, which takes its place when it is damaged."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from resilience.core.runtime import Runtime
from resilience.healing.actions import Outcome
from resilience.healing.repairs.files import ReplaceCorruptFile, back_up, tells_of_damage

log = logging.getLogger("resilience")

COPIED_EVERY = 3600.0
"""Seconds; so much history is lost at most when a file is damaged."""


class Upkeep:
    """Keeps a journal's file whole.

    Args:
        runtime: the system's clock.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._actions: dict[Path, ReplaceCorruptFile] = {}

    def copy(self, path: Path) -> bool:
        """Copy a file, unless another process of the same journal has done so of late.

        Returns:
            False: it is damaged.
        """
        backup = backup_of(path)
        if backup.exists() and time.time() - backup.stat().st_mtime < COPIED_EVERY / 2:
            return True
        return not path.exists() or back_up(path, backup)

    def repair(self, path: Path, error: Exception | None, reopen: Callable[[], object]) -> bool:
        """Set a damaged file aside, and put its copy in its place; tell whether it is whole now.

        Args:
            path: the file.
            error: what was raised; if it says nothing of damage, nothing is done.
            reopen: called afterwards: what was open leads to the old file.
        """
        if error is not None and not tells_of_damage(error):
            return False
        action = self._actions.get(path)
        if action is None:
            action = ReplaceCorruptFile(
                "journal", path, backup=backup_of(path), reopen=reopen, clock=self._clock
            )
            self._actions[path] = action
        record = action.run()
        if record.outcome is not Outcome.VERIFIED:
            return False
        if record.before == "damaged":
            log.error(
                "journal %s was damaged: it is kept beside itself as %s.corrupt-*, and %s",
                path, path.name,
                "its last copy is in its place" if path.exists() else "a new one is begun",
            )  # fmt: skip
        return True


def backup_of(path: Path) -> Path:
    """Return where the copy of a file is."""
    return path.with_name(f"{path.name}.backup")
