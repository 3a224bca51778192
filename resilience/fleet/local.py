"""A fleet's store in this process: for one worker, and for several systems side by side."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Lock

from resilience.clock import Clock
from resilience.fleet.base import Letter, Reply
from resilience.fleet.ledger import Ledger


class LocalBackend:
    """Keeps what workers know together in this process's memory.

    Args:
        clock: the store's clock.
        ledger: an earlier one; None: an empty one.
    """

    address = "local"

    def __init__(self, clock: Clock, ledger: Ledger | None = None) -> None:
        self._clock = clock
        self._lock = Lock()
        self._hints: list[Callable[[], None]] = []
        self.ledger = Ledger() if ledger is None else ledger

    def exchange(self, letter: Letter) -> Reply:
        """Settle the letter, and hint at what changed."""
        with self._lock:
            before = self.ledger.change
            reply = self.ledger.exchange(letter, self._clock.monotonic())
            changed = self.ledger.change != before
        for hint in self._hints if changed else ():
            hint()
        return reply

    def listen(self, hint: Callable[[], None]) -> None:
        """Call `hint()` whenever an exchange changed something."""
        self._hints.append(hint)

    def after_fork(self) -> None:
        """Begin with an empty store: the parent's is the parent's."""
        self._lock, self.ledger = Lock(), Ledger(era=f"fork-{os.getpid()}")

    def close(self) -> None:
        """Hold nothing that is to be let go."""
        self._hints.clear()
