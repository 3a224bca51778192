"""Operators' orders: what they do to calls, when they end, and what is told of them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from resilience import Circuit, CircuitOpenError, ConfigurationError, Event, System
from resilience.testing import ManualClock
from tests.circuits.conftest import Calls

ORDERS = ["force_open", "force_closed", "disable", "shadow"]
STATES = {"force_open": "forced_open", "force_closed": "forced_closed", "disable": "disabled"}


@pytest.fixture
def circuit(system: System) -> Circuit:
    """Give a circuit that opens at two failures."""
    return system.circuits.get("it", failure_threshold=2, reset_timeout=10.0)


def told(events: list[Event]) -> list[str]:
    """Return the types of the events so far, and forget them."""
    types = [event.type for event in events]
    events.clear()
    return types


def test_force_open_rejects_every_call(circuit: Circuit) -> None:
    """The rejection says when the order ends."""
    circuit.force_open(reason="maintenance", actor="ann", for_=120.0)

    with pytest.raises(CircuitOpenError) as raised:
        circuit.call(int)

    assert raised.value.retry_after == 120.0
    assert circuit.state == "forced_open"
    assert (circuit.snapshot().rejected, circuit.snapshot().retry_after) == (1, 120.0)


def test_force_closed_admits_every_call_and_counts(circuit: Circuit, calls: Calls) -> None:
    """Failures show in the snapshot, and do not open it."""
    calls.trip(circuit)

    circuit.force_closed()
    calls.fail(circuit, 5)

    snapshot = circuit.snapshot()
    assert snapshot.state == "forced_closed"
    assert (snapshot.calls, snapshot.failures, snapshot.retry_after) == (5, 5, 0.0)


def test_disable_admits_every_call_and_counts_none(circuit: Circuit, calls: Calls) -> None:
    """A disabled circuit is as if it were not there."""
    circuit.disable()

    calls.fail(circuit, 5)
    calls.succeed(circuit)

    assert circuit.state == "disabled"
    assert (circuit.snapshot().calls, circuit.snapshot().last_error) == (0, None)


def test_shadow_announces_and_never_rejects(
    circuit: Circuit, calls: Calls, events: list[Event], clock: ManualClock
) -> None:
    """The circuit opens, half-opens and closes as ever; what it would reject passes."""
    circuit.shadow()
    calls.trip(circuit)
    calls.succeed(circuit, 3)
    assert circuit.state == "open"
    assert (circuit.snapshot().shadow, circuit.snapshot().rejected) == (True, 0)
    clock.advance(11.0)
    calls.succeed(circuit, 2)

    assert circuit.state == "closed"
    rejections = [event for event in events if event.type == "call_rejected"]
    assert [event.data["shadow"] for event in rejections] == [True] * 3
    rest = [kind for kind in told(events) if kind != "call_rejected"]
    assert rest == ["circuit_forced", "circuit_opened", "circuit_half_opened", "circuit_closed"]


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_lasts_an_hour_by_default(
    circuit: Circuit, clock: ManualClock, order: str
) -> None:
    """Nobody has to remember to take it back."""
    getattr(circuit, order)()
    clock.advance(3599.9)
    assert circuit.snapshot().forced is not None

    clock.advance(0.1)

    assert circuit.snapshot().forced is None
    assert (circuit.state, circuit.snapshot().shadow) == ("closed", False)


@pytest.mark.parametrize("by", ["call", "tick"])
def test_an_order_ends_with_one_event_at_the_next_call_or_tick(
    circuit: Circuit, system: System, events: list[Event], clock: ManualClock, by: str
) -> None:
    """Whichever comes first tells it; the other, and later ones, tell nothing."""
    end: Callable[[], Any] = system.tick if by == "tick" else lambda: circuit.call(int)
    for order in STATES:
        getattr(circuit, order)(for_=timedelta(seconds=5))
        system.tick()
        assert told(events) == ["circuit_forced"]
        clock.advance(5.0)

        end()
        end()
        system.tick()

        assert events[0].data["reason"] == "its time is up"
        assert told(events) == ["circuit_closed"]


def test_an_order_tells_who_why_and_how_long(circuit: Circuit, events: list[Event]) -> None:
    """Event and snapshot name actor and reason."""
    circuit.force_open("maintenance", "ann", for_=60)

    assert dict(events[0].data) == {
        "generation": 1,
        "state": "forced_open",
        "reason": "maintenance",
        "actor": "ann",
        "for_": 60.0,
    }
    assert circuit.snapshot().forced == {
        "kind": "forced_open",
        "reason": "maintenance",
        "actor": "ann",
        "ends_in": 60.0,
    }


def test_the_same_order_again_tells_nothing_and_lasts_anew(
    circuit: Circuit, events: list[Event], clock: ManualClock
) -> None:
    """A self-transition is no event; the newer order's time counts."""
    circuit.force_open(for_=10.0)
    clock.advance(8.0)
    circuit.force_open(for_=10.0)
    clock.advance(8.0)

    assert circuit.state == "forced_open"
    assert told(events) == ["circuit_forced"]


def test_one_order_takes_the_place_of_another(circuit: Circuit, events: list[Event]) -> None:
    """Each change of the visible state is one event and one generation."""
    for order in ORDERS:
        getattr(circuit, order)()

    assert told(events) == ["circuit_forced"] * 4
    assert circuit.snapshot().generation == 4
    assert (circuit.state, circuit.snapshot().shadow) == ("closed", True)


def test_release_goes_on_where_it_was(
    circuit: Circuit, calls: Calls, events: list[Event], clock: ManualClock
) -> None:
    """An open circuit is open again, for the rest of its time."""
    wait = calls.trip(circuit)
    circuit.disable()
    clock.advance(2.0)
    told(events)

    circuit.release(reason="done", actor="bob")

    assert circuit.state == "open"
    assert circuit.snapshot().retry_after == pytest.approx(wait - 2.0)
    assert (events[0].data["reason"], events[0].data["actor"]) == ("done", "bob")
    assert told(events) == ["circuit_opened"]
    circuit.release()
    assert told(events) == []


def test_release_keeps_the_counts_of_a_closed_circuit(circuit: Circuit, calls: Calls) -> None:
    """Rejections under an order add nothing to the window."""
    calls.fail(circuit)
    circuit.force_open()
    assert not calls.passes(circuit)
    circuit.release()

    assert (circuit.snapshot().failures, circuit.snapshot().calls) == (1, 1)
    calls.fail(circuit)
    assert circuit.state == "open"


@pytest.mark.parametrize("order", sorted(STATES))
def test_reset_ends_an_order_and_forgets_all(
    circuit: Circuit, calls: Calls, events: list[Event], order: str
) -> None:
    """Closed, no counts, no relapses, no order; the generation goes on."""
    calls.trip(circuit)
    assert not calls.passes(circuit)
    getattr(circuit, order)()
    told(events)

    circuit.reset(reason="all new", actor="ann")

    snapshot = circuit.snapshot()
    assert (snapshot.state, snapshot.forced, snapshot.opened_at) == ("closed", None, None)
    assert (snapshot.calls, snapshot.rejected, snapshot.last_error) == (0, 0, None)
    assert snapshot.generation == 3
    assert (events[0].data["reason"], events[0].data["actor"]) == ("all new", "ann")
    assert told(events) == ["circuit_closed"]
    circuit.reset()
    assert told(events) == []
    assert 9.0 <= calls.trip(circuit) <= 11.0


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("for_", [0, -1, float("nan"), float("inf"), True, "1h", None])
def test_a_time_that_cannot_be_is_refused(circuit: Circuit, order: str, for_: Any) -> None:
    """An order for ever, or for no time, is no order; nothing changes."""
    with pytest.raises(ConfigurationError, match=r"for_=.*give a number > 0"):
        getattr(circuit, order)(for_=for_)

    assert circuit.snapshot().forced is None


def test_reading_never_changes_state(
    circuit: Circuit, calls: Calls, events: list[Event], system: System, clock: ManualClock
) -> None:
    """Looking at a circuit whose time is up leaves it as it is, and tells nothing."""
    wait = calls.trip(circuit)
    clock.advance(wait + 1)
    told(events)

    for _ in range(3):
        assert (circuit.state, circuit.snapshot().state) == ("open", "open")
        assert circuit.snapshot().retry_after == 0.0
        assert "open" in repr(circuit)
        assert circuit in list(system.circuits)

    assert told(events) == []
    assert circuit.snapshot().generation == 1
    assert calls.passes(circuit)
    assert told(events) == ["circuit_half_opened"]
