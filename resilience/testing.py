"""For tests of code that uses resilience: a clock in hand, circuits at will, events on record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import timedelta
from types import TracebackType

from resilience.clock import Clock
from resilience.core.checks import duration
from resilience.core.demand import is_made
from resilience.errors import StoreUnavailableError
from resilience.events import Event
from resilience.fleet.base import Letter, Reply
from resilience.fleet.ledger import Ledger
from resilience.fleet.local import LocalBackend
from resilience.systems import System
from resilience.systems import system as default_system


class ManualClock:
    """A clock that stands still until it is told to move.

    Args:
        start: monotonic seconds at first.
        wall: seconds since 1970-01-01 UTC at first; may be set at will, to jump.
    """

    def __init__(self, start: float = 0.0, wall: float = 1_750_000_000.0) -> None:
        self._now = float(start)
        self.wall = float(wall)

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        return self._now

    def time(self) -> float:
        """Return seconds since 1970-01-01 UTC."""
        return self.wall

    def advance(self, seconds: float | timedelta) -> None:
        """Let `seconds`, >= 0, pass on both times.

        Raises:
            ConfigurationError: time does not run back.
        """
        passed = duration("seconds", seconds)
        self._now += passed
        self.wall += passed

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once: what would wait goes on without waiting."""
        self.advance(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.advance(seconds)


class force_open:  # noqa: N801 - it reads as what it does
    """Force a circuit open, at once; as a context manager, until its end.

    Args:
        name: the circuit's name.
        system: whose circuit; default: the process-wide system's.

    Raises:
        KeyError: there is no such circuit; says near names.
    """

    def __init__(self, name: str, *, system: System = default_system) -> None:
        self._circuit = system.circuits[name]
        self._circuit.force_open(reason="resilience.testing.force_open", actor="test")

    def __enter__(self) -> None:
        """Go on with the circuit open."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._circuit.release()


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


@contextmanager
def record_events(system: System = default_system) -> Iterator[list[Event]]:
    """Give a list that every event of `system` is appended to."""
    events: list[Event] = []
    unsubscribe = system.on_event(events.append)
    try:
        yield events
    finally:
        unsubscribe()


def reset(system: System = default_system) -> None:
    """Close all circuits of `system` afresh, without orders, counts or keys; fill all budgets.

    It is at the normal level then, no feature is under an order, no health check has found
    anything yet, the healer knows of no failure, and no experiment runs.
    """
    system.circuits.reset()
    system.retries.reset()
    if is_made(system, "degradation"):
        system.degradation.reset()
    if is_made(system, "health"):
        system.health.reset()
    if is_made(system, "healer"):
        system.healer.reset()
    if is_made(system, "chaos"):
        system.chaos.halt("reset")


@contextmanager
def inactive(system: System = default_system) -> Iterator[None]:
    """Let all guards of `system` pass their calls through, uncounted."""
    before, system.active = system.active, False
    try:
        yield
    finally:
        system.active = before
