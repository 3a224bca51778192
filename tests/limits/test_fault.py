"""Whose fault a passed deadline is: only what had its time is counted by its circuit."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from resilience import Circuit, DeadlineExceededError, System
from resilience.testing import ManualClock
from resilience.web.passage import Passage
from tests.limits.conftest import Blocked
from tests.web.passages import PlainPassage

Take = Callable[[float], None]


@pytest.fixture(params=["sync", "async"])
def take(request: pytest.FixtureRequest, system: System, clock: ManualClock) -> Take:
    """Give a call that takes so many seconds, limited to 4 s, in the circuit "upstream"."""
    if request.param == "sync":
        return system.timeout(4.0)(system.circuit("upstream", min_calls=99)(clock.advance))

    @system.timeout(4.0)
    @system.circuit("upstream", min_calls=99)
    async def answer(seconds: float) -> None:
        clock.advance(seconds)

    return lambda seconds: asyncio.run(answer(seconds))


@pytest.fixture
def upstream(system: System, take: Take) -> Circuit:
    """Give that circuit."""
    return system.circuits["upstream"]


def request_of(system: System, asked: str = "", deadline: float | None = None) -> Passage:
    """Return a request, with the time that its sender asks for and the app gives."""
    headers = {"x-request-timeout": asked} if asked else {}
    return PlainPassage(system, headers, deadline=deadline)


def late(take: Take, seconds: float, text: str = "was not done") -> bool:
    """Make a call that comes too late; return whether the thing called is at fault."""
    with pytest.raises(DeadlineExceededError, match=text) as caught:
        take(seconds)
    return caught.value.at_fault


def test_what_had_its_own_time_is_at_fault(take: Take, upstream: Circuit) -> None:
    """As ever."""
    assert late(take, 4.0)
    assert upstream.snapshot().failures == 1


@pytest.mark.parametrize(("asked", "failures"), [("0.05", 0), ("1.9", 0), ("2", 1), ("3", 1)])
def test_a_caller_that_does_not_wait_opens_no_circuit(
    system: System, take: Take, upstream: Circuit, asked: str, failures: int
) -> None:
    """Who sends requests with short times must not shut others out; half of the time is enough."""
    with request_of(system, asked):
        assert late(take, 3.5) == bool(failures)

    assert upstream.snapshot().failures == failures


@pytest.mark.parametrize(("before", "failures"), [(0.0, 1), (0.9, 1), (1.1, 0), (1.9, 0)])
def test_leftovers_of_a_requests_time_say_nothing(
    system: System, take: Take, upstream: Circuit, before: float, failures: int
) -> None:
    """Something else was slow: what comes after it is not to blame. The app's own time counts."""
    with request_of(system, deadline=2.0):
        system.runtime.clock.sleep(before)
        late(take, 3.0)

    assert upstream.snapshot().failures == failures


def test_what_never_began_is_not_at_fault(
    system: System, clock: ManualClock, take: Take, upstream: Circuit
) -> None:
    """Nobody asked it anything."""
    with request_of(system, deadline=2.0):
        clock.advance(2.0)
        assert not late(take, 0.0, "was not started")

    assert upstream.snapshot().failures == 0


def test_a_trial_that_says_nothing_gives_its_place_back(
    system: System, clock: ManualClock, take: Take, upstream: Circuit
) -> None:
    """A half-open circuit neither opens nor closes by it."""
    upstream.reconfigure(
        type(upstream.settings)(failure_threshold=1, half_open_calls=1, success_threshold=1)
    )
    late(take, 4.0)
    clock.advance(60)
    with request_of(system, "0.1"):
        late(take, 1.0)

    assert upstream.state == "half_open"
    take(1.0)
    assert upstream.state == "closed"


def test_work_is_judged_by_its_own_time(
    system: System, clock: ManualClock, take: Take, upstream: Circuit
) -> None:
    """What ran late inside it had little time; it had all of its own, and is late itself."""

    @system.timeout(2.0, name="order")
    @system.circuit("orders", min_calls=99)
    def order() -> None:
        clock.advance(1.5)
        take(1.0)

    with pytest.raises(DeadlineExceededError, match="'order' was not done within 2 s") as caught:
        order()

    assert caught.value.at_fault
    assert system.circuits["orders"].snapshot().failures == 1
    assert upstream.snapshot().failures == 0


def test_calls_that_found_no_thread_are_not_at_fault(
    few: System, clock: ManualClock, blocked: Blocked, in_thread: Callable[..., Any]
) -> None:
    """Others use all of them: another attempt would only queue again, and is not made."""
    busy = [in_thread(few.timeout(100)(blocked)) for _ in range(2)]
    for _ in busy:
        assert blocked.begun.acquire(timeout=10)
    guarded = few.retry(few.timeout(4.0)(few.circuit("upstream")(lambda: "never")))
    third = in_thread(guarded)
    while not few.timeouts.workers.queued:
        third.join(0.001)
    clock.advance(4.0)

    with pytest.raises(DeadlineExceededError, match="all 2 workers are busy") as caught:
        third.result()
    assert not hasattr(caught.value, "__notes__")
    assert few.circuits["upstream"].snapshot().failures == 0
    blocked.release.set()
