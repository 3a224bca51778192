"""Limits with one another, with circuits, and on every kind of callable."""

import asyncio
import functools
import pickle
import threading
from collections.abc import Callable, Generator
from datetime import timedelta
from typing import Any

import pytest

from resilience import (
    BulkheadFullError,
    ConfigurationError,
    DeadlineExceededError,
    DecorationError,
    System,
    explain,
)
from resilience.core import deadline
from resilience.limits.deadlines import TimeoutLayer
from resilience.limits.layer import bulkhead_of
from resilience.testing import ManualClock
from tests.limits.conftest import Blocked


def test_a_stuck_call_keeps_its_place_until_its_thread_ends(real: System, blocked: Blocked) -> None:
    """The caller has its error; the dependency is as busy as before, and the bulkhead says so."""
    guarded = real.timeout(0.02)(real.bulkhead(name="slow", limit=1)(blocked))
    bulkhead = real.bulkheads["slow"]

    with pytest.raises(DeadlineExceededError):
        guarded()

    assert bulkhead.snapshot().in_use == 1
    with pytest.raises(BulkheadFullError):
        guarded()
    blocked.release.set()
    patient = threading.Event()
    while bulkhead.snapshot().in_use:
        patient.wait(0.001)
    assert guarded() == "done"
    assert bulkhead.snapshot().in_use == 0


def test_a_stuck_generator_keeps_its_place_until_its_thread_ends(
    real: System, blocked: Blocked
) -> None:
    """As for functions; and the place comes back once."""

    @real.bulkhead(name="stuck items", limit=1)
    @real.timeout(0.05)
    def items() -> Generator[str, None, None]:
        yield "first"
        yield blocked()

    bulkhead = bulkhead_of(items)
    run = items()
    assert next(run) == "first"
    with pytest.raises(DeadlineExceededError):
        next(run)
    assert bulkhead.snapshot().in_use == 1
    run.close()
    assert bulkhead.snapshot().in_use == 1
    blocked.release.set()
    patient = threading.Event()
    while bulkhead.snapshot().in_use:
        patient.wait(0.001)


def test_a_generator_cut_off_between_steps_keeps_its_place_while_it_cleans_up(
    system: System, clock: ManualClock, blocked: Blocked
) -> None:
    """The reader's time is up before it asks for the next item: the thread closes by itself."""

    @system.bulkhead(name="cleaning", limit=1)
    @system.timeout(60.0)
    def items() -> Generator[str, None, None]:
        try:
            yield "first"
        finally:
            blocked()

    bulkhead = bulkhead_of(items)
    run = items()
    assert next(run) == "first"
    token = deadline.begin(1.0, clock)
    try:
        clock.advance(1.0)
        with pytest.raises(DeadlineExceededError, match="was not started"):
            next(run)
    finally:
        deadline.end(token)

    assert blocked.begun.acquire(timeout=10)
    assert bulkhead.snapshot().in_use == 1
    blocked.release.set()
    patient = threading.Event()
    while bulkhead.snapshot().in_use:
        patient.wait(0.001)


def test_a_call_that_never_started_keeps_no_place(
    few: System, clock: ManualClock, blocked: Blocked, in_thread: Callable[..., Any]
) -> None:
    """Its time passed in the queue of the threads: there is nothing to wait for."""
    patient = few.timeout(100.0)(blocked)
    busy = [in_thread(patient), in_thread(patient)]
    for _ in busy:
        assert blocked.begun.acquire(timeout=10)
    guarded = few.bulkhead(name="queued", limit=1)(few.timeout(1.0)(lambda: "never"))
    third = in_thread(guarded)
    while not few.timeouts.workers.queued:
        third.join(0.001)
    clock.advance(1.0)

    with pytest.raises(DeadlineExceededError):
        third.result()
    assert few.bulkheads["queued"].snapshot().in_use == 0
    blocked.release.set()


def test_only_the_innermost_bulkhead_keeps_the_place(real: System, blocked: Blocked) -> None:
    """What is further out gives its own back as its own call ends."""
    inner = real.bulkhead(name="inner", limit=1)(real.timeout(0.02)(blocked))

    with pytest.raises(DeadlineExceededError):
        real.bulkheads.get("outer", limit=1).call(inner)

    assert real.bulkheads["inner"].snapshot().in_use == 1
    assert real.bulkheads["outer"].snapshot().in_use == 0


def test_a_deadline_counts_against_the_circuit_and_a_full_bulkhead_does_not(
    system: System, clock: ManualClock
) -> None:
    """One is the dependency's failure, the other is our own doing."""

    @system.timeout(1.0)
    @system.bulkhead(name="counted", limit=1)
    @system.circuit("counted")
    def call(seconds: float) -> None:
        clock.advance(seconds)

    with pytest.raises(DeadlineExceededError):
        call(1.0)
    with system.bulkheads["counted"], pytest.raises(BulkheadFullError):
        call(0.0)
    call(0.5)

    snapshot = system.circuits["counted"].snapshot()
    assert (snapshot.calls, snapshot.failures) == (2, 1)


def test_layers_run_in_their_order_and_explain_themselves(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the order of the lines: circuit, bulkhead, timeout."""

    @system.timeout(timedelta(seconds=2))
    @system.circuit("explained")
    @system.bulkhead(name="explained", limit=7)
    def call() -> None: ...

    bulkhead_of(call).resize(9)
    lines = [line.strip() for line in explain(call).splitlines()]
    capsys.readouterr()

    assert [line for line in lines if line.startswith("→")] == [
        "→ circuit 'explained'",
        "→ bulkhead 'explained'",
        "→ timeout 'explained'",
        "→ the call",
    ]
    assert "limit = 9  (operator)" in lines
    assert "max_wait = 0.0  (default)" in lines
    assert "seconds = 2.0  (decorator)" in lines


class Client:
    """Something with methods, called itself."""

    def __call__(self, item: str) -> str:
        """Answer."""
        return f"called {item}"

    def get(self, item: str) -> str:
        """Answer."""
        return f"got {item}"

    @classmethod
    def make(cls, item: str) -> str:
        """Answer."""
        return f"{cls.__name__} {item}"

    async def fetch(self, item: str) -> str:
        """Answer."""
        return f"fetched {item}"


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        (Client(), "called x"),
        (Client().get, "got x"),
        (Client.make, "Client x"),
        (functools.partial(Client().get), "got x"),
        (Client().fetch, "fetched x"),
        (functools.partial(Client().fetch), "fetched x"),
    ],
)
def test_every_kind_of_callable_is_limited(system: System, target: Any, answer: str) -> None:
    """Objects, bound and class methods, partials, coroutine functions of each kind."""
    guarded = system.timeout(5.0)(system.bulkhead(name=f"kinds {answer}", limit=1)(target))

    result = guarded("x")

    assert (asyncio.run(result) if asyncio.iscoroutine(result) else result) == answer


def test_a_second_limit_on_one_function_is_refused(system: System) -> None:
    """By name, with what to do."""
    for decorator in (system.timeout(1.0), system.bulkhead(name="twice")):
        with pytest.raises(DecorationError, match=r"has a .* layer already"):
            decorator(decorator(lambda: None))


@pytest.mark.parametrize("seconds", [0, -1.0, float("inf"), float("nan"), True, "2", None])
def test_what_is_no_time_is_refused(system: System, seconds: Any) -> None:
    """By name, with what is allowed."""
    with pytest.raises(ConfigurationError, match=r"timeout seconds=.*: give a number > 0"):
        TimeoutLayer(system.timeouts, seconds)


@pytest.mark.parametrize("name", ["", "two\nlines", "x" * 201, 7])
def test_what_is_no_name_is_refused(system: System, name: Any) -> None:
    """By name, with what is allowed."""
    with pytest.raises(ConfigurationError, match=r"timeout name=.*: give a printable text"):
        TimeoutLayer(system.timeouts, 1.0, name)
    with pytest.raises(ConfigurationError, match=r"bulkhead name=.*: give a printable text"):
        system.bulkheads.get(name)


def test_a_function_without_bulkhead_has_none() -> None:
    """And it says so."""
    with pytest.raises(ConfigurationError, match="has no bulkhead"):
        bulkhead_of(str)


def test_guarded_objects_can_be_pickled_where_their_system_has_a_name(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another process they are guarded by that process' own limits."""
    for name in ("runtime", "timeouts", "bulkheads"):
        part = getattr(system, name)
        monkeypatch.setattr(f"resilience.systems.{name}", part, raising=False)
        part.home = f"resilience.systems:{name}"
    guarded = system.bulkhead(name="pickled", limit=2)(system.timeout(5.0)(Client()))

    copied = pickle.loads(pickle.dumps(guarded))

    assert copied("x") == "called x"
    assert bulkhead_of(copied) is bulkhead_of(guarded)
