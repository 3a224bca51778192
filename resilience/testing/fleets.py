"""A fleet's store for tests."""

from __future__ import annotations

from copy import deepcopy

from resilience.clock import Clock
from resilience.errors import StoreUnavailableError
from resilience.fleet.base import Letter, Reply
from resilience.fleet.ledger import Ledger
from resilience.fleet.local import LocalBackend


class FakeFleet(LocalBackend):
    """A fleet's store in memory that fails at will; several systems may share one.

    Use it as `system.fleet.use(FakeFleet(clock))`, and let `system.tick()` exchange.

    Args:
        clock: the store's clock.
    """

    address = "fake"

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.down = False
        """Whether every exchange fails from now on."""
        self.cut_off: set[str] = set()
        """Names of workers whose exchanges fail."""
        self.deaf = False
        """Whether the next exchange is heard, and its reply lost."""
        self.letters: list[Letter] = []
        """All that was sent, whether or not it arrived."""

    def exchange(self, letter: Letter) -> Reply:
        """Settle the letter, unless a fault is set.

        Raises:
            StoreUnavailableError: one is.
        """
        self.letters.append(letter)
        if self.down or letter.worker in self.cut_off:
            raise StoreUnavailableError("the fake store is down")
        reply = super().exchange(letter)
        if self.deaf:
            self.deaf = False
            raise StoreUnavailableError("the fake store's reply was lost")
        return reply

    def flush(self) -> None:
        """Forget everything, as a store does that is restarted without its disk."""
        self.ledger = Ledger()

    def saved(self) -> Ledger:
        """Return what it knows now, for `restore`."""
        return deepcopy(self.ledger)

    def restore(self, ledger: Ledger) -> None:
        """Know no more than `ledger`, as an older replica does that takes over."""
        self.ledger = deepcopy(ledger)
