"""Workers of one server that share a journal's file: they agree without being told to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from resilience.core.runtime import Runtime
from resilience.errors import ConfigurationError

if TYPE_CHECKING:
    from resilience.fleet.service import Fleet

log = logging.getLogger("resilience")

LOOKED_EVERY = 5.0  # seconds; a worker may be the only one at first
FIRST = 0.2  # seconds after the start


class Neighbours:
    """Has workers agree through a file beside the journal's, once there is more than one.

    Not through the journal's own: while it is written, condensed, copied or repaired nobody has to
    wait for it.

    Args:
        runtime: the system's engine.
        file: gives the journal's SQLite file, or None.
        fleet: gives the fleet.
        others: tells whether this process is one of several workers of a server.
    """

    def __init__(
        self,
        runtime: Runtime,
        file: Callable[[], Path | None],
        fleet: Callable[[], Fleet],
        others: Callable[[], bool],
    ) -> None:
        self._file, self._fleet, self._others = file, fleet, others
        self._joined: Fleet | None = None
        self._duty = runtime.engine.every(
            LOOKED_EVERY, self.look, name="neighbours", blocking=True, first=FIRST
        )

    def look(self) -> None:
        """Look whether there are others to agree with."""
        if self._joined is not None and self._joined.snapshot().address is not None:
            return
        path = self._file()
        if path is None or not self._others():
            return
        fleet = self._fleet()
        if fleet.settings.url is None and fleet.settings.share:
            self._join(fleet, path)

    def _join(self, fleet: Fleet, path: Path) -> None:
        from resilience.fleet.sql import SQLBackend

        if fleet.snapshot().address is not None:
            return
        settings = fleet.settings
        place = beside(path)
        try:
            fleet.use(SQLBackend(f"sqlite:///{place}", settings.prefix, settings.timeout))
        except ConfigurationError as error:
            log.warning("fleet: the workers of this server do not agree: %s", error)
            self._duty.cancel()
        else:
            self._joined = fleet
            log.info("fleet: the workers of this server agree through %s", place)


def beside(journal: Path) -> Path:
    """Return the file in which the workers meet that share a journal's file."""
    return journal.absolute().with_name(f"{journal.name}-fleet")


def served_by_several() -> bool:
    """Tell whether gunicorn or uvicorn runs this process and others beside it."""
    from resilience.healing import servers

    return servers.server() is not None and len(servers.workers()) > 1
