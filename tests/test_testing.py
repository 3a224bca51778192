"""What tests of other people's code get: a clock, circuits at will, events on record."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

import resilience
from resilience import CircuitOpenError, ConfigurationError, Outage, System, circuit, fallback
from resilience.testing import ManualClock, force_open, inactive, inject, record_events, reset


def down() -> Any:
    """Fail."""
    raise OSError("down")


def test_a_manual_clock_moves_both_times_when_told() -> None:
    """And never by itself."""
    clock = ManualClock(start=100.0, wall=1000.0)

    clock.advance(5)
    clock.advance(timedelta(minutes=1))
    clock.advance(0)

    assert (clock.monotonic(), clock.time()) == (165.0, 1065.0)


def test_a_manual_clocks_wall_may_jump() -> None:
    """The running time does not notice."""
    clock = ManualClock()

    clock.wall = 5.0

    assert (clock.monotonic(), clock.time()) == (0.0, 5.0)


@pytest.mark.parametrize("seconds", [-1, -0.001, float("nan"), float("inf"), "5", None, True])
def test_time_does_not_run_back(seconds: Any) -> None:
    """Nor by what is no time."""
    clock = ManualClock()

    with pytest.raises(ConfigurationError, match=r"seconds=.*give a number >= 0"):
        clock.advance(seconds)

    assert clock.monotonic() == 0.0


def test_force_open_acts_at_once(system: System) -> None:
    """Without `with`, until it is released."""
    guarded = system.circuit("it")(len)

    force_open("it", system=system)

    with pytest.raises(CircuitOpenError):
        guarded("abc")
    system.circuits["it"].release()
    assert guarded("abc") == 3


def test_force_open_ends_with_its_block(system: System) -> None:
    """Also when the block fails."""
    guarded = system.circuit("it")(len)

    with pytest.raises(CircuitOpenError), force_open("it", system=system):
        guarded("abc")

    assert guarded("abc") == 3


@pytest.mark.parametrize("order", ["force_open", "force_closed", "disable", "shadow"])
def test_force_open_gives_back_what_was_ordered_before(
    system: System, clock: ManualClock, order: str
) -> None:
    """By a block around it as by an operator, for the time that is left of it."""
    circuit = system.circuits.get("it")
    getattr(circuit, order)("a drill", "ann", for_=60)
    before = circuit.order()

    with force_open("it", system=system):
        clock.advance(10)

    assert before == circuit.order()
    with force_open("it", system=system):
        clock.advance(51)
    assert circuit.order() is None


def test_force_open_names_a_circuit_that_exists(system: System) -> None:
    """A test of a circuit that was renamed fails."""
    system.circuits.get("payments")

    with pytest.raises(KeyError, match="did you mean 'payments'"):
        force_open("paymants", system=system)


def test_record_events_records_inside_its_block_only(system: System) -> None:
    """In the order in which they happened."""
    it = system.circuits.get("it")
    it.force_open()
    with record_events(system) as events:
        it.force_closed()
        it.release()
    it.force_open()

    assert [event.type for event in events] == ["circuit_forced", "circuit_closed"]


def test_reset_closes_all_circuits_afresh(system: System) -> None:
    """Open, forced and counting ones; those by key are forgotten."""
    opened = system.circuits.get("opened", failure_threshold=1)
    forced, counting = system.circuits.get("forced"), system.circuits.get("counting")
    keyed: Any = system.circuit("keyed", key=len, failure_threshold=1)(lambda _: down())
    for call in (opened.call, counting.call):
        with pytest.raises(OSError, match="down"):
            call(down)
    with pytest.raises(OSError, match="down"):
        keyed("abc")
    forced.force_open()

    reset(system)

    assert [each.name for each in system.circuits] == ["opened", "forced", "counting"]
    for each in system.circuits:
        snapshot = each.snapshot()
        assert (snapshot.state, snapshot.calls, snapshot.forced) == ("closed", 0, None)


def test_inactive_passes_all_calls_through(system: System) -> None:
    """No rejection, no fallback, no count; afterwards all is as it was."""
    answered = system.fallback("instead")(system.circuit("it", failure_threshold=1)(down))
    assert (answered(), answered()) == ("instead", "instead")
    before = system.circuits["it"].snapshot()

    with inactive(system):
        with pytest.raises(OSError, match="down"):
            answered()
        with inactive(system), pytest.raises(OSError, match="down"):
            answered()
        with pytest.raises(OSError, match="down"):
            answered()

    assert system.circuits["it"].snapshot() == before
    assert answered() == "instead"
    assert before.rejected + 1 == system.circuits["it"].snapshot().rejected


def test_inactive_covers_every_kind_and_new_circuits(system: System) -> None:
    """Async functions, generators, blocks, keys, orders; those made inside the block, too."""

    async def coroutine() -> str:
        return "well"

    def generator() -> Any:
        yield "well"

    guarded = system.circuit("it")(coroutine), system.circuit("it")(generator)
    keyed = system.circuit("keyed", key=len)(len)
    system.circuits["it"].force_open()
    with inactive(system):
        assert asyncio.run(guarded[0]()) == "well"
        assert list(guarded[1]()) == ["well"]
        assert keyed("abc") == 3
        with system.circuits["it"]:
            pass

    assert [each.snapshot().calls for each in system.circuits] == [0, 0]
    assert keyed("abc") == 3
    assert system.circuits["keyed[3]"].snapshot().calls == 1
    with pytest.raises(CircuitOpenError):
        asyncio.run(guarded[0]())


def test_the_process_wide_system_is_the_default() -> None:
    """What bare decorators guard is what these tools act on."""

    @circuit("testing.default")
    def call() -> str:
        return "well"

    with record_events() as events, force_open("testing.default"):
        with pytest.raises(CircuitOpenError):
            call()
        with inactive():
            assert call() == "well"
        assert fallback("instead")(call)() == "instead"
    resilience.system.circuits["testing.default"].force_open()
    reset()

    assert call() == "well"
    assert [event.type for event in events] == [
        "circuit_forced",
        "call_rejected",
        "call_rejected",
        "fallback_used",
        "circuit_closed",
    ]


def test_an_injected_route_hits_only_what_serves_it(system: System) -> None:
    """Calls outside of its requests go through."""
    circuit = system.circuits.get("prices")
    system.traffic.record("/prices", 0.1, failed=False)

    with inject(Outage(), "calls:/prices", system=system) as fault:
        assert circuit.call(int) == 0
    assert fault.hit == 0
