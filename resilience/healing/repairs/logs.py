"""Log files that were moved away while they are written to."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from logging.handlers import WatchedFileHandler
from typing import Unpack

from resilience.healing.actions import ActionOptions
from resilience.healing.named import over
from resilience.healing.watch import WatchfulAction


class ReopenLogs(WatchfulAction):
    """Opens log files anew whose names lead to another file: logrotate, or somebody, moved them.

    It is for the `FileHandler`s of `logging`; a `WatchedFileHandler` does it by itself.

    Args:
        component: what it recovers.
        handlers: the ones to look after; default: those of all loggers.
        options: those of `Action`.
    """

    def __init__(
        self,
        component: str = "logs",
        *,
        handlers: Iterable[logging.Handler] | None = None,
        **options: Unpack[ActionOptions],
    ) -> None:
        self._handlers = None if handlers is None else list(handlers)
        super().__init__(component, **over(options, cool_down=0.0, limit=60, period=3600.0))

    def due(self) -> str | None:
        """Return how many files are no longer where their names say."""
        moved = self._moved()
        return f"{len(moved)} log files were moved" if moved else None

    def act(self) -> None:
        """Open them anew; each line goes to one file or the other."""
        for handler in self._moved():
            _reopen(handler)

    def measure(self) -> int:
        """Count the handlers that write to a file which their name does not lead to."""
        return len(self._moved())

    def _moved(self) -> list[logging.FileHandler]:
        handlers = _all_handlers() if self._handlers is None else self._handlers
        return [
            each
            for each in handlers
            if isinstance(each, logging.FileHandler)
            and not isinstance(each, WatchedFileHandler)
            and _is_moved(each)
        ]


def _is_moved(handler: logging.FileHandler) -> bool:
    stream = handler.stream
    if stream is None or stream.closed:  # opened by the next line
        return False
    opened = os.fstat(stream.fileno())
    try:
        named = os.stat(handler.baseFilename)  # noqa: PTH116 - beside fstat
    except FileNotFoundError:
        return True
    return (opened.st_dev, opened.st_ino) != (named.st_dev, named.st_ino)


def _reopen(handler: logging.FileHandler) -> None:
    handler.acquire()
    try:
        old, new = handler.stream, handler._open()  # first, as it may not be possible
        handler.stream = new
        if old is not None:
            old.close()
    finally:
        handler.release()


def _all_handlers() -> Iterator[logging.Handler]:
    """Yield the handlers of all loggers, each once."""
    loggers = [logging.getLogger(), *list(logging.root.manager.loggerDict.values())]
    seen: set[int] = set()
    for logger in loggers:
        for handler in getattr(logger, "handlers", ()):  # placeholders have none
            if id(handler) not in seen:
                seen.add(id(handler))
                yield handler
