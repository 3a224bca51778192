"""Peers' flaws with what stays behind: kept frames, growing tracebacks, windows that cost more."""

import asyncio
import gc
import json
import time
import traceback
import weakref
from collections.abc import Callable
from subprocess import CalledProcessError
from typing import Any

import pytest

from resilience import Circuit, CircuitOpenError, System, fallback
from resilience.testing import ManualClock

CircuitMove = Callable[[Circuit], None]


class Heavy:
    """Something large in a local variable of the function that fails."""


class Upstream:
    """Calls that fail with a heavy local, of which only weak references are kept."""

    def __init__(self) -> None:
        self.locals: list[weakref.ref[Heavy]] = []

    def fail(self) -> Any:
        """Fail, chained to an error of another frame that has a heavy local too."""
        heavy = Heavy()
        self.locals.append(weakref.ref(heavy))
        try:
            self.fail_inside()
        except LookupError as error:
            raise OSError("down") from error

    def fail_inside(self) -> None:
        """Fail one frame further in."""
        heavy = Heavy()
        self.locals.append(weakref.ref(heavy))
        raise LookupError(3)

    async def fail_async(self) -> Any:
        """Fail in a coroutine."""
        return self.fail()

    def alive(self) -> int:
        """Count the locals that something still holds."""
        gc.collect()
        return sum(local() is not None for local in self.locals)


def swallow(call: Callable[[], Any]) -> type[BaseException] | None:
    """Make the call; return only the type of its error, which itself is gone then."""
    try:
        call()
    except Exception as error:
        return type(error)
    return None


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_last_error_keeps_no_frames_alive(system: System, asynchronous: bool) -> None:
    """Closed, open and rejecting, the circuit holds nothing that the failed calls had in hand."""
    upstream = Upstream()
    circuit = system.circuits.get("upstream", failure_threshold=3)

    def call() -> Any:
        if asynchronous:
            return asyncio.run(circuit.call_async(upstream.fail_async))
        return circuit.call(upstream.fail)

    for count in range(1, 4):
        assert swallow(call) is OSError
        assert upstream.alive() == 0
        assert len(upstream.locals) == 2 * count
    assert circuit.state == "open"
    assert [swallow(call) for _ in range(3)] == [CircuitOpenError] * 3
    assert upstream.alive() == 0


def test_a_kept_rejection_keeps_no_frames_alive(system: System, trip: CircuitMove) -> None:
    """A rejection that someone stores names the last error, without what it touched."""
    upstream = Upstream()
    circuit = system.circuits.get("upstream", failure_threshold=3)
    for _ in range(3):
        swallow(lambda: circuit.call(upstream.fail))

    with pytest.raises(CircuitOpenError) as rejected:
        circuit.call(upstream.fail)

    cause = rejected.value.__cause__
    assert (type(cause), str(cause)) == (OSError, "down")
    assert upstream.alive() == 0


def test_the_caller_still_sees_the_whole_traceback(system: System) -> None:
    """What the circuit forgets it does not take from the caller."""
    upstream = Upstream()
    circuit = system.circuits.get("upstream", failure_threshold=1)

    with pytest.raises(OSError, match="down") as raised:
        circuit.call(upstream.fail)

    assert traceback.extract_tb(raised.value.__traceback__)[-1].name == "fail"
    assert isinstance(raised.value.__cause__, LookupError)


def test_a_fallback_keeps_no_frames_alive() -> None:
    """A fallback that remembers answers does not remember what failed."""
    upstream = Upstream()
    guarded = fallback("instead", stale_for=300)(upstream.fail)

    for _ in range(3):
        assert guarded() == "instead"
        assert upstream.alive() == 0


def test_tracebacks_do_not_grow_with_rejections(system: System, trip: CircuitMove) -> None:
    """The hundredth rejection is a new object, as short as the first, and so is its cause."""
    circuit = system.circuits.get("upstream")
    trip(circuit)
    seen = []
    for _ in range(100):
        with pytest.raises(CircuitOpenError) as rejected:
            circuit.call(int)
        seen.append(rejected.value)

    def lengths(error: BaseException | None) -> int:
        assert error is not None
        return len(traceback.extract_tb(error.__traceback__))

    assert len({id(error) for error in seen}) == 100
    assert {lengths(error) for error in seen} == {lengths(seen[0])}
    assert {lengths(error.__cause__) for error in seen} == {0}
    assert {error.__context__ for error in seen} <= {error.__cause__ for error in seen} | {None}


def test_raising_the_cause_of_rejections_does_not_make_it_grow(
    system: System, trip: CircuitMove
) -> None:
    """`raise rejection.__cause__` is common; its traceback is not shared between callers."""
    circuit = system.circuits.get("upstream")
    trip(circuit)
    lengths = []
    for _ in range(20):
        try:
            circuit.call(int)
        except CircuitOpenError as rejected:
            cause = rejected.__cause__
        assert cause is not None
        try:
            raise cause
        except Exception as error:
            lengths.append(len(traceback.extract_tb(error.__traceback__)))

    assert lengths == [lengths[0]] * 20


def call_or_fail(circuit: Circuit, number: int) -> None:
    """Make a call; every tenth fails."""
    swallow(lambda: circuit.call(divmod, 1, number % 10))


def cost(circuit: Circuit, clock: ManualClock) -> float:
    """Return the seconds that 300 calls take, one in ten failing, best of seven rounds."""

    def round_trip() -> float:
        started = time.perf_counter()
        for number in range(300):
            call_or_fail(circuit, number)
            clock.advance(0.01)
        return time.perf_counter() - started

    return min(round_trip() for _ in range(7))


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ({"window_calls": 20}, {"window_calls": 1_000_000}),
        ({"window": 0.5}, {"window": 1_000_000.0}),
    ],
    ids=["calls", "seconds"],
)
def test_a_large_window_costs_no_more_than_a_small_one(
    system: System, clock: ManualClock, small: dict[str, Any], large: dict[str, Any]
) -> None:
    """After 20,000 calls a call costs the same; a scan of the window would cost hundreds."""
    options = {"failure_rate": 0.9, "slow_call_duration": 5.0}
    few = system.circuits.get("few", **small, **options)
    many = system.circuits.get("many", **large, **options)
    for number in range(20_000):
        call_or_fail(many, number)

    # Measured: 1.0; shared machines have bad moments, a scan is never below 20.
    assert cost(many, clock) < 4 * cost(few, clock)
    assert many.state == "closed"


@pytest.mark.parametrize(
    "error",
    [
        OSError(2, "no such file", "shop.db"),
        OSError(111, "refused"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        CalledProcessError(3, ["ls", "-l"]),
        ExceptionGroup("tasks", [OSError(111, "refused"), ValueError(("a", 1))]),
        json.JSONDecodeError("no value", "{", 1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_cause_of_rejections_is_of_the_kind_that_failed(
    system: System, error: Exception
) -> None:
    """With its text and what else is plain, though it is a copy."""
    circuit = system.circuits.get("upstream", failure_threshold=1)

    def call() -> None:
        raise error

    with pytest.raises(type(error)):
        circuit.call(call)
    with pytest.raises(CircuitOpenError) as rejected:
        circuit.call(call)

    cause: Any = rejected.value.__cause__
    assert cause is not error
    assert (type(cause), str(cause)) == (type(error), str(error))
    for name in ("filename", "object", "cmd", "returncode", "doc"):
        assert getattr(cause, name, None) == getattr(error, name, None)
