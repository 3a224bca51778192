"""Systems side by side as workers of one app, on one clock and a store that fails at will."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from resilience import Circuit, CircuitOpenError, Event, System
from resilience.testing import FakeFleet, ManualClock, record_events


def fail() -> None:
    """Fail."""
    raise OSError("no")


class Worker:
    """One system, its circuit "it", and what it tells.

    Args:
        name: in the fleet.
        system: its own.
        events: all that it tells.
    """

    def __init__(self, name: str, system: System, events: list[Event]) -> None:
        self.name = name
        self.system = system
        self.events = events

    @property
    def circuit(self) -> Circuit:
        """The circuit, made on first use."""
        return self.system.circuits.get("it", failure_threshold=5, window=10.0, reset_timeout=5.0)

    def fails(self, times: int) -> None:
        """Let calls fail."""
        for _ in range(times):
            with pytest.raises(OSError, match="no"):
                self.circuit.call(fail)

    def tries(self, outcome: Callable[[], Any] = lambda: None) -> bool:
        """Make one call; tell whether it was admitted."""
        try:
            self.circuit.call(outcome)
        except CircuitOpenError:
            return False
        except OSError:
            pass
        return True

    def heard(self, *kinds: str) -> list[Event]:
        """Return the events of these types."""
        return [each for each in self.events if each.type in kinds]


class Shop:
    """Workers that share a store.

    Args:
        workers: all of them.
        store: the one they share.
        clock: of all.
    """

    def __init__(self, workers: list[Worker], store: FakeFleet, clock: ManualClock) -> None:
        self.workers = workers
        self.store = store
        self.clock = clock

    def __getitem__(self, number: int) -> Worker:
        return self.workers[number]

    def __iter__(self) -> Iterator[Worker]:
        return iter(self.workers)

    def go_on(self, seconds: float = 0.03) -> None:
        """Let time pass in small steps, the background work of all workers with it."""
        steps = max(1, round(seconds / 0.03))
        for _ in range(steps):
            self.clock.advance(seconds / steps)
            for worker in self.workers:
                worker.system.tick()

    def break_it(self) -> None:
        """Let two workers see enough failures for all."""
        self[0].fails(5)
        self[1].fails(5)
        self.go_on()
        self.go_on()

    def states(self) -> list[str]:
        """Return what each worker's circuit does with calls."""
        return [str(worker.circuit.state) for worker in self.workers]


@pytest.fixture
def shop(clock: ManualClock) -> Iterator[Shop]:
    """Give eight workers that have exchanged once."""
    store = FakeFleet(clock)
    with ExitStack() as stack:
        workers = []
        for number in range(8):
            system = System(clock=clock, random=random.Random(number))
            system.fleet.use(store, worker=f"w{number}")
            events = stack.enter_context(record_events(system))
            workers.append(Worker(f"w{number}", system, events))
            assert workers[-1].circuit.state == "closed"
        shop = Shop(workers, store, clock)
        shop.go_on()
        yield shop
        for worker in workers:
            worker.system.stop()
