"""Faults reach the call from inside every layer and kind of function, and leave no trace."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from resilience import CircuitOpenError, Corrupt, InjectedFaultError, Latency, Outage, System
from resilience.chaos.experiments import Experiment
from resilience.chaos.faults import Fault
from resilience.chaos.openings import openings
from resilience.circuits.breaker import Circuit
from resilience.core.guard import guard_of
from resilience.testing import ManualClock


def plain() -> str:
    """Return at once."""
    return "it"


async def coroutine() -> str:
    """Return when awaited."""
    return "it"


def generator() -> Iterator[str]:
    """Yield one item."""
    yield "it"


async def async_generator() -> AsyncIterator[str]:
    """Yield one item."""
    yield "it"


KINDS = [plain, coroutine, generator, async_generator]
LAYERS: dict[str, Callable[[System], Callable[[Any], Any]]] = {
    "circuit": lambda system: system.circuit("it"),
    "keyed circuit": lambda system: system.circuit("it", key=lambda: "one"),
    "retry": lambda system: system.retry(attempts=1),
    "timeout": lambda system: system.timeout(30.0),
    "bulkhead": lambda system: system.bulkhead(3),
    "heal": lambda system: system.heal("it", max_wait=0.0),
    "feature": lambda system: system.feature("it"),
    "fallback": lambda system: system.fallback(["other"], on=KeyError),
}


def answer_of(call: Callable[[], Any]) -> Any:
    """Return what a call of any kind gives in the end."""
    answer = call()
    if inspect.iscoroutine(answer):
        return asyncio.run(_awaited(answer))
    if inspect.isasyncgen(answer):
        return asyncio.run(_collected(answer))
    return answer if isinstance(answer, str) else "".join(answer)


async def _awaited(answer: Any) -> Any:
    return await answer


async def _collected(answer: Any) -> str:
    return "".join([item async for item in answer])


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_fault_reaches_every_kind_of_call_in_every_layer(
    system: System, kind: Callable[[], Any], layer: str
) -> None:
    """An outage fails the call while it lasts, and afterwards the call is the same as before."""
    guarded = LAYERS[layer](system)(kind)
    guard = guard_of(guarded)
    assert guard is not None

    run = system.chaos.start(Experiment("it", Outage(), guarded, duration=5.0))
    with pytest.raises(InjectedFaultError):
        answer_of(guarded)
    system.chaos.halt()

    assert run.injection.hit >= 1
    assert openings(guarded, kind)
    if layer not in {"circuit", "keyed circuit"}:  # those have opened
        assert answer_of(guarded) == "it"


def test_a_call_that_nobody_hits_runs_the_code_of_its_author(system: System) -> None:
    """Before and after an experiment the innermost cell holds the very function."""
    guarded = system.circuit("it")(plain)
    before = [cell.cell_contents for cell in openings(guarded, plain)]

    system.chaos.run(Experiment("it", Outage(), "it", duration=5.0))

    assert before == [plain]
    assert [cell.cell_contents for cell in openings(guarded, plain)] == before


def test_a_call_that_nobody_hits_makes_no_further_call(system: System) -> None:
    """Counted by the interpreter: as many before, after, and while another one is hit."""
    guarded = system.circuit("it")(plain)
    system.circuits.get("other")

    def calls() -> int:
        seen = []
        sys.setprofile(lambda _, what, __: seen.append(what) if what == "call" else None)
        try:
            guarded()
        finally:
            sys.setprofile(None)
        return len(seen)

    calls()
    before = calls()
    run = system.chaos.start(Experiment("other", Outage(), "other", duration=5.0))
    meanwhile = calls()
    run.end("completed")
    system.chaos.run(Experiment("it", Outage(), "it", duration=5.0))

    assert (meanwhile, calls()) == (before, before)


def test_methods_are_reached_too(system: System) -> None:
    """A fault in a guarded method hits the calls on each object."""

    class Shop:
        @system.circuit("shop")
        def price(self) -> int:
            return 3

    system.chaos.start(Experiment("it", Outage(), "shop", duration=5.0))

    with pytest.raises(InjectedFaultError):
        Shop().price()


def test_circuits_without_a_decorator_are_reached_too(system: System) -> None:
    """`circuit.call` and `call_async` are hit, sync and async."""
    circuit = system.circuits.get("by hand")
    system.chaos.start(Experiment("it", Outage(), "by hand", duration=5.0))

    with pytest.raises(InjectedFaultError):
        circuit.call(plain)
    with pytest.raises(InjectedFaultError):
        asyncio.run(circuit.call_async(coroutine))
    system.chaos.halt()

    assert circuit.call(plain) == "it"
    assert circuit.inside is None


async def in_block(circuit: Circuit) -> str:
    """Return from inside of an `async with` block."""
    async with circuit:
        return "it"


def in_plain_block(circuit: Circuit) -> str:
    """Return from inside of a `with` block."""
    with circuit:
        return "it"


BLOCKS: list[Callable[[Circuit], str]] = [
    in_plain_block,
    lambda circuit: asyncio.run(in_block(circuit)),
]


@pytest.mark.parametrize("enter", BLOCKS, ids=["with", "async with"])
def test_blocks_meet_errors_where_they_begin(
    system: System, enter: Callable[[Circuit], str]
) -> None:
    """They count as failures of the circuit, and open it."""
    circuit = system.circuits.get("by hand", failure_threshold=2)
    run = system.chaos.start(Experiment("it", Outage(), "by hand", duration=5.0))

    for _ in range(2):
        with pytest.raises(InjectedFaultError):
            enter(circuit)
    with pytest.raises(CircuitOpenError):
        enter(circuit)
    assert (run.injection.seen, run.injection.hit) == (2, 2)

    system.chaos.halt()
    circuit.reset()
    assert enter(circuit) == "it"
    assert circuit.snapshot().calls == 1


@pytest.mark.parametrize("enter", BLOCKS, ids=["with", "async with"])
def test_blocks_begin_late(
    system: System, clock: ManualClock, enter: Callable[[Circuit], str]
) -> None:
    """The wait is of the call: it makes it slow."""
    circuit = system.circuits.get("by hand", slow_call_duration=1.0)
    system.chaos.start(Experiment("it", Latency(2.0), "by hand", duration=5.0))
    before = clock.monotonic()

    assert enter(circuit) == "it"

    assert clock.monotonic() - before == pytest.approx(2.0)
    assert circuit.snapshot().slow_calls == 1


@pytest.mark.parametrize("enter", BLOCKS, ids=["with", "async with"])
@pytest.mark.parametrize(
    ("fault", "match"), [(Corrupt("junk"), None), (Outage(), lambda order: order > 3)]
)
def test_blocks_have_no_result_and_no_arguments(
    system: System, enter: Callable[[Circuit], str], fault: Fault, match: Any
) -> None:
    """What is about those leaves them alone."""
    circuit = system.circuits.get("by hand")
    run = system.chaos.start(Experiment("it", fault, "by hand", duration=5.0, match=match))

    assert enter(circuit) == "it"
    assert run.injection.seen == 0


def test_two_systems_keep_their_faults_apart(system: System) -> None:
    """A circuit of the same name on another system is not hit."""
    other = System().circuit("it")(plain)
    system.circuit("it")(coroutine)

    system.chaos.start(Experiment("it", Outage(), "it", duration=5.0))

    assert other() == "it"
