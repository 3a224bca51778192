"""What a circuit takes for failing: rates, slow calls, bad results, and from how many calls."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from resilience import CircuitOpenError, System
from resilience.testing import ManualClock
from tests.circuits.conftest import Calls


@pytest.mark.parametrize("given", [{}, {"window_calls": 100}])
def test_the_rate_is_none_below_min_calls(
    system: System, calls: Calls, given: dict[str, int]
) -> None:
    """Not 0, which would say that all is well."""
    circuit = system.circuits.get("it", min_calls=4, **given)
    rates = []
    for _ in range(5):
        rates.append((circuit.snapshot().failure_rate, circuit.snapshot().slow_call_rate))
        calls.fail(circuit) if len(rates) == 2 else calls.succeed(circuit)

    assert rates == [(None, None)] * 4 + [(0.25, 0.0)]


def test_min_calls_is_the_failure_threshold_by_default(system: System, calls: Calls) -> None:
    """Five failures of five calls open; four do not."""
    circuit = system.circuits.get("it")

    calls.fail(circuit, 4)
    assert (circuit.state, circuit.snapshot().failure_rate) == ("closed", None)
    calls.fail(circuit)

    assert circuit.state == "open"


def test_few_failures_never_open_whatever_their_share(system: System, calls: Calls) -> None:
    """`failure_threshold` failures are needed even at 100 %."""
    circuit = system.circuits.get("it", failure_threshold=5, min_calls=1)

    calls.fail(circuit, 4)

    assert (circuit.state, circuit.snapshot().failure_rate) == ("closed", 1.0)


def test_many_failures_never_open_below_their_share(system: System, calls: Calls) -> None:
    """At 49 % it stays closed, at 50 % it opens."""
    circuit = system.circuits.get("it", failure_rate=0.5)
    calls.succeed(circuit, 51)

    calls.fail(circuit, 50)
    assert circuit.state == "closed"
    calls.fail(circuit)

    assert circuit.state == "open"


def test_a_window_of_calls_sees_exactly_its_last_calls(system: System, calls: Calls) -> None:
    """The eleventh call pushes the first one out."""
    circuit = system.circuits.get("it", window_calls=10, min_calls=10, failure_rate=0.9)
    calls.fail(circuit, 5)
    calls.succeed(circuit, 5)
    assert (circuit.snapshot().calls, circuit.snapshot().failures) == (10, 5)

    calls.succeed(circuit, 3)

    assert (circuit.snapshot().calls, circuit.snapshot().failures) == (10, 2)


def test_a_window_of_seconds_forgets_a_tenth_at_a_time(
    system: System, calls: Calls, clock: ManualClock
) -> None:
    """What is older than the window is gone, what is younger than nine tenths is there."""
    circuit = system.circuits.get("it", window=60.0)
    calls.fail(circuit, 2)
    clock.advance(6.0)
    calls.fail(circuit)

    clock.advance(53.9)
    assert circuit.snapshot().failures == 3
    clock.advance(0.1)
    assert circuit.snapshot().failures == 1
    clock.advance(6.0)
    assert circuit.snapshot().calls == 0


@pytest.mark.parametrize(("seconds", "slow"), [(1.0, 0), (1.0001, 1)])
def test_slow_is_strictly_above_the_duration(
    system: System, clock: ManualClock, seconds: float, slow: int
) -> None:
    """A call that takes exactly the limit is not slow; sync, async, and as a block."""
    circuit = system.circuits.get("it", slow_call_duration=1.0)

    async def wait() -> None:
        clock.advance(seconds)

    circuit.call(clock.advance, seconds)
    asyncio.run(circuit.call_async(wait))
    with circuit:
        clock.advance(seconds)

    assert circuit.snapshot().slow_calls == slow * 3


def test_slow_calls_open_at_their_rate(system: System, clock: ManualClock, calls: Calls) -> None:
    """A slow answer is no failure, and enough of them open all the same."""
    circuit = system.circuits.get("it", slow_call_duration=1.0, slow_call_rate=0.5, min_calls=6)
    calls.succeed(circuit, 3)

    for _ in range(2):
        circuit.call(clock.advance, 2.0)
    assert (circuit.state, circuit.snapshot().failures) == ("closed", 0)
    circuit.call(clock.advance, 2.0)

    assert circuit.state == "open"


def test_slow_failures_are_both(system: System, clock: ManualClock) -> None:
    """A call that fails late counts as failed and as slow."""
    circuit = system.circuits.get("it", slow_call_duration=1.0)

    def late() -> None:
        clock.advance(2.0)
        raise OSError("late")

    with pytest.raises(OSError, match="late"):
        circuit.call(late)

    assert (circuit.snapshot().failures, circuit.snapshot().slow_calls) == (1, 1)


def test_a_slow_trial_does_not_close(system: System, clock: ManualClock, calls: Calls) -> None:
    """A component that answers too late has not recovered."""
    circuit = system.circuits.get("it", slow_call_duration=1.0)
    clock.advance(calls.trip(circuit))

    circuit.call(clock.advance, 2.0)
    circuit.call(clock.advance, 2.0)

    assert circuit.state == "open"


def test_on_result_makes_a_returned_value_a_failure(system: System) -> None:
    """The caller still gets the value; the snapshot says why it opened."""
    guarded = system.circuit("it", on_result=lambda status: status >= 500, failure_threshold=3)(abs)
    circuit = system.circuits["it"]

    assert [guarded(503), guarded(200), guarded(500)] == [503, 200, 500]
    assert circuit.snapshot().failures == 2
    assert guarded(502) == 502

    assert circuit.state == "open"
    with pytest.raises(CircuitOpenError) as raised:
        guarded(200)
    assert "on_result" in str(raised.value.__cause__)


def test_on_result_sees_what_a_coroutine_returned(system: System) -> None:
    """Async functions, and functions that return coroutines."""

    async def status(number: int) -> int:
        return number

    def maker(number: int) -> Coroutine[Any, Any, int]:
        return status(number)

    guard = system.circuit("it", on_result=lambda number: number >= 500)
    for call in (guard(status), guard(maker)):
        assert asyncio.run(call(503)) == 503
        assert asyncio.run(call(200)) == 200

    assert (system.circuits["it"].snapshot().failures) == 2


def test_a_predicate_that_fails_breaks_no_call(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    """A broken `on_result` counts a success, a broken `on` a failure; both are logged."""

    def broken(_: object) -> bool:
        raise LookupError("the predicate's own")

    one = system.circuits.get("one", on_result=broken)
    two = system.circuits.get("two", on=broken)

    assert one.call(int) == 0
    with pytest.raises(OSError, match="call's own"), two:
        raise OSError("the call's own")

    assert (one.snapshot().calls, one.snapshot().failures) == (1, 0)
    assert two.snapshot().failures == 1
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
