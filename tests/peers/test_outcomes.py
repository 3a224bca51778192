"""Peers' flaws with what counts: interruptions, sparse failures, default errors, hidden types."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from resilience import Circuit, Event, System, fallback
from resilience.testing import ManualClock

CircuitMove = Callable[[Circuit], None]
INTERRUPTIONS = [asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit]


class UpstreamError(Exception):
    """An error with a signature of its own, which a wrapper could not make again."""

    def __init__(self, code: int, *, hint: str) -> None:
        super().__init__(f"{code} {hint}")
        self.code = code


def raiser(error: BaseException) -> Callable[[], Any]:
    """Make a function that raises this very object."""

    def fail() -> Any:
        raise error

    return fail


def async_raiser(error: BaseException) -> Callable[[], Any]:
    """Make a coroutine function that raises this very object."""

    async def fail() -> Any:
        raise error

    return fail


@pytest.mark.parametrize("interruption", INTERRUPTIONS)
def test_an_interruption_of_a_function_is_no_failure(
    system: System, interruption: type[BaseException]
) -> None:
    """Twenty interrupted calls are not twenty failures; the exception passes."""
    guarded = system.circuit("it", failure_threshold=1)(raiser(interruption()))

    for _ in range(20):
        with pytest.raises(interruption):
            guarded()

    assert system.circuits["it"].snapshot().failures == 0
    assert system.circuits["it"].state == "closed"


def test_an_interruption_of_a_coroutine_is_no_failure(system: System) -> None:
    """The same in a coroutine, which is stepped by hand: a loop would die of most of these."""
    for number, interruption in enumerate(INTERRUPTIONS):
        guarded = system.circuit(f"it {number}", failure_threshold=1)(async_raiser(interruption()))
        with pytest.raises(interruption):
            guarded().send(None)
        assert system.circuits[f"it {number}"].state == "closed"


def test_cancelled_tasks_are_no_failures(system: System) -> None:
    """Twenty tasks cancelled from outside, as clients that go away do, say nothing."""

    @system.circuit("it", failure_threshold=1)
    async def wait() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        tasks = [asyncio.create_task(wait()) for _ in range(20)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(result) for result in results} == {asyncio.CancelledError}

    asyncio.run(main())
    assert system.circuits["it"].snapshot().failures == 0
    assert system.circuits["it"].state == "closed"


@pytest.mark.parametrize("kind", [KeyError, IndexError, AttributeError, ValueError, TypeError])
def test_common_errors_count_by_default(system: System, kind: type[Exception]) -> None:
    """Nothing below `Exception` is silently excluded, KeyError least of all."""
    guarded = system.circuit("it", failure_threshold=3)(raiser(kind()))

    for _ in range(3):
        with pytest.raises(kind):
            guarded()

    assert system.circuits["it"].state == "open"


@pytest.mark.parametrize("window", [{"window": 60.0}, {"window_calls": 100}], ids=str)
def test_sparse_failures_never_add_up(
    system: System, clock: ManualClock, window: dict[str, Any], events: list[Event]
) -> None:
    """One failure in 21 calls, for 4,200 calls, does not open the circuit."""
    circuit = system.circuits.get("it", **window)

    for number in range(4200):
        clock.advance(0.1)
        if number % 21:
            circuit.call(int)
        else:
            with pytest.raises(UpstreamError):
                circuit.call(raiser(UpstreamError(503, hint="sparse")))

    assert circuit.state == "closed"
    assert events == []


def test_lonely_failures_never_add_up(system: System, clock: ManualClock) -> None:
    """Failures further apart than the window, with no call between them, stay single."""
    circuit = system.circuits.get("it", window=60.0, failure_threshold=2)

    for _ in range(100):
        with pytest.raises(UpstreamError):
            circuit.call(raiser(UpstreamError(503, hint="lonely")))
        clock.advance(61.0)

    assert circuit.state == "closed"


def test_the_functions_own_error_reaches_the_caller(system: System) -> None:
    """The same object comes out, before, at and after the trip, with no other in its chain."""
    sync, asynchronous = system.circuits.get("sync"), system.circuits.get("async")

    def call(error: UpstreamError) -> None:
        sync.call(raiser(error))

    def call_async(error: UpstreamError) -> None:
        asyncio.run(asynchronous.call_async(async_raiser(error)))

    for make in [call] * 5 + [call_async] * 5:
        error = UpstreamError(503, hint="down")
        with pytest.raises(UpstreamError) as raised:
            make(error)
        assert raised.value is error
        assert (error.__cause__, error.__context__) == (None, None)
    assert (sync.state, asynchronous.state) == ("open", "open")


def test_the_error_in_a_block_reaches_the_caller(system: System) -> None:
    """`with` and `async with` let the very error out."""
    circuit = system.circuits.get("it")
    first, second = UpstreamError(1, hint="sync"), UpstreamError(2, hint="async")

    async def main() -> None:
        async with circuit:
            raise second

    with pytest.raises(UpstreamError) as sync, circuit:
        raise first
    with pytest.raises(UpstreamError) as asynchronous:
        asyncio.run(main())

    assert (sync.value, asynchronous.value) == (first, second)
    assert circuit.snapshot().failures == 2


def test_a_fallback_that_fails_hides_neither_error() -> None:
    """The last source's error comes out, and names the function's own as its cause."""
    own, sources = UpstreamError(1, hint="own"), UpstreamError(2, hint="source")
    guarded = fallback(raiser(sources))(raiser(own))

    with pytest.raises(UpstreamError) as raised:
        guarded()

    assert raised.value is sources
    assert raised.value.__cause__ is own


@pytest.mark.parametrize("interruption", INTERRUPTIONS)
def test_a_fallback_does_not_answer_for_an_interruption(
    interruption: type[BaseException],
) -> None:
    """A cancelled or interrupted call has no fallback."""
    with pytest.raises(interruption):
        fallback("answer")(raiser(interruption()))()
    with pytest.raises(interruption):
        fallback("answer")(async_raiser(interruption()))().send(None)


def test_an_error_that_the_fallback_does_not_mean_passes_unchanged() -> None:
    """`on` names what the fallback is for; everything else is the caller's."""
    error = UpstreamError(400, hint="not yours")

    with pytest.raises(UpstreamError) as raised:
        fallback("answer", on=ConnectionError)(raiser(error))()

    assert raised.value is error
