"""What type checkers see of what tests use; checked, never run."""

from collections.abc import Callable
from random import Random
from typing import assert_type

from resilience import Event, Outage, System, circuit, system
from resilience.storage.sql import SQLStore
from resilience.testing import (
    CircuitMachine,
    FakeFleet,
    FleetContract,
    ManualClock,
    StoppableClock,
    StoppableSystem,
    StoreContract,
    Workers,
    force_open,
    inactive,
    inject,
    make_stoppable,
    record_events,
    reset,
)


@circuit("prices")
def prices() -> list[int]:
    """Return prices."""
    return [3]


def is_large(order: int) -> bool:
    """Tell whether an order is large."""
    return order > 3


clock = ManualClock(start=1000.0)
mine = System(clock=clock)
assert_type(clock.monotonic(), float)
assert_type(make_stoppable(system), StoppableClock)

with inject(Outage(), prices, share=0.5, match={"route": "/"}, seed=7, system=mine) as fault:
    assert_type(fault, inject)
    assert_type((fault.seen, fault.hit), tuple[int, int])
with inject("outage", "prices", match=is_large), force_open("prices"), inactive():
    assert_type(prices(), list[int])
with record_events(mine) as seen:
    assert_type(seen, list[Event])
reset(mine)

inject(Outage(), "prices", share="half")  # type: ignore[arg-type]
inject(Outage())  # type: ignore[call-arg]
force_open(prices)  # type: ignore[arg-type]
clock.advance("soon")  # type: ignore[arg-type]


def test_with_fixtures(
    resilience: StoppableSystem,
    circuit_open: Callable[[str], force_open],
    faults: Callable[..., inject],
    events: list[Event],
) -> None:
    """The types that the fixtures are documented with."""
    with circuit_open("prices"):
        assert_type(prices(), list[int])
    assert_type(faults(Outage(), "prices").hit, int)
    assert_type(events[0].type, str)
    resilience.clock.advance(30)
    assert_type(resilience.circuits["prices"].snapshot().calls, int)


class TestMyStore(StoreContract):
    """A contract's subclass."""

    def store(self) -> SQLStore:
        """Return a store."""
        return SQLStore("sqlite://")


class TestMyBackend(FleetContract):
    """Another one's."""

    def fleet(self) -> Workers:
        """Return workers on a backend."""
        return Workers(FakeFleet(clock), clock.advance)


class MyCircuits(CircuitMachine):
    """A model on systems of one's own."""

    def make_system(self, clock: ManualClock, chance: Random) -> System:
        """Return one."""
        return System(clock=clock, random=chance)
