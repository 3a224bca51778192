"""The budget: retries are a share of the calls, and a few."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from resilience import System
from resilience.strategies.budget import Budget, Budgets
from resilience.strategies.retries import Retry
from resilience.testing import ManualClock, reset
from tests.strategies.retried import KINDS, Call, Flaky, retry, run

DOWN = ConnectionError("down")


def fail(guard: Call, times: int = 1) -> None:
    """Make that many calls that fail."""
    for _ in range(times):
        with pytest.raises(ConnectionError):
            run(guard)


def still(system: System, **options: Any) -> Any:
    """Return the decorator without any wait, so that the clock stands still."""
    return retry(system, initial_delay=0.0, **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("share", "retries"), [(0.2, 23), (0.5, 53), (0.0, 3), (1.0, 103)])
def test_retries_are_a_share_of_the_calls_and_three(
    system: System, share: float, retries: int, kind: Call
) -> None:
    """Of 100 calls that all fail, each of which would like two more attempts."""
    upstream = Flaky(DOWN)

    fail(still(system, budget=share)(kind(upstream.ask)), 100)

    assert len(upstream.calls) == 100 + retries


def test_calls_that_worked_pay_for_retries(system: System) -> None:
    """After 50 of them there are ten more than three, one each for the calls that fail."""
    upstream = Flaky(*["answer"] * 50, DOWN)
    guard = still(system, attempts=2)(upstream.ask)
    for _ in range(50):
        guard()

    fail(guard, 40)

    # (50 + 40) * 0.2 + 3
    assert len(upstream.calls) - 90 == 21


def test_without_a_budget_all_calls_are_tried_again(system: System) -> None:
    """None is no limit, and still counted for those who share it."""
    upstream = Flaky(DOWN)

    fail(still(system, budget=None)(upstream.ask), 100)

    assert len(upstream.calls) == 300
    assert system.retries.budgets.of("tests.strategies.retried.Flaky.ask").counts(0.0) == (200, 100)


def test_one_call_alone_may_use_all_its_attempts(system: System) -> None:
    """Also more than three; the next one finds the budget spent."""
    upstream = Flaky(DOWN)
    guard = still(system, attempts=8)(upstream.ask)

    fail(guard)
    assert len(upstream.calls) == 8

    fail(guard)
    assert len(upstream.calls) == 9


def test_the_budget_comes_back_after_ten_seconds(system: System, clock: ManualClock) -> None:
    """What was spent is forgotten with its second."""
    upstream = Flaky(DOWN)
    guard = still(system, budget=0.0)(upstream.ask)
    fail(guard, 5)

    clock.advance(9.0)
    fail(guard)
    assert len(upstream.calls) == 5 + 3 + 1

    clock.advance(1.0)
    fail(guard)
    assert len(upstream.calls) == 5 + 3 + 1 + 3


def test_old_calls_pay_for_nothing(system: System, clock: ManualClock) -> None:
    """A thousand calls 10 s ago are none now, whether or not anybody looked since."""
    upstream = Flaky(*["answer"] * 1000, DOWN)
    guard = still(system)(upstream.ask)
    for _ in range(1000):
        guard()

    clock.advance(10.0)
    fail(guard, 10)

    # 10 * 0.2 + 3
    assert len(upstream.calls) == 1000 + 10 + 5


def test_steady_calls_are_seen_without_a_failure(system: System, clock: ManualClock) -> None:
    """Of 100 a second for a minute, at least 9 s and at most 10 s are in the window, less 31."""
    upstream = Flaky("answer")
    guard = still(system)(upstream.ask)
    for _ in range(60):
        for _ in range(100):
            guard()
        clock.advance(1.0)

    _, calls = system.retries.budgets.of("tests.strategies.retried.Flaky.ask").counts(
        clock.monotonic()
    )

    assert 900 - 31 <= calls <= 1000


def test_functions_of_one_circuit_share_its_budget(system: System) -> None:
    """By its name; other circuits have their own."""
    first, second, other = Flaky(DOWN), Flaky(DOWN), Flaky(DOWN)
    settings: dict[str, Any] = {"failure_threshold": 1000}
    one = system.circuit("shared", **settings)(still(system)(first.ask))
    two = still(system)(system.circuit("shared", **settings)(second.ask))
    three = still(system)(system.circuit("other", **settings)(other.ask))

    fail(one, 5)
    fail(two, 5)
    fail(three, 5)

    # 10 * 0.2 + 3, and 5 * 0.2 + 3
    assert len(first.calls) + len(second.calls) == 10 + 5
    assert len(other.calls) == 5 + 4


def test_adding_the_circuit_later_changes_the_budget(system: System) -> None:
    """The guard without it goes on with that of the function."""
    upstream = Flaky(DOWN)
    alone = still(system)(upstream.ask)
    guarded = system.circuit("later", failure_threshold=1000)(alone)

    fail(alone, 5)
    fail(guarded, 5)

    assert system.retries.budgets.of("later").counts(0.0) == (4, 5)
    assert system.retries.budgets.of("tests.strategies.retried.Flaky.ask").counts(0.0) == (4, 5)


def test_a_retry_by_name_shares_the_budget_of_that_name(system: System) -> None:
    """`Retry(name=…)` draws on what the circuit's functions draw on; without a name on its own."""
    upstream = Flaky(DOWN)
    options: dict[str, Any] = {"initial_delay": 0.0, "system": system}
    for each in (Retry(name="shared", **options), Retry(name="shared", **options)):
        with pytest.raises(ConnectionError):
            each.call(upstream.ask)
    assert system.retries.budgets.of("shared").counts(0.0) == (3, 2)

    with pytest.raises(ConnectionError):
        Retry(**options).call(upstream.ask)
    assert len(upstream.calls) == 5 + 3


def test_a_call_inside_another_spends_nothing(system: System) -> None:
    """It is not tried again there, so only the outer one's budget is used."""
    upstream = Flaky(DOWN)
    inner = still(system)(upstream.ask)

    @still(system)
    def outer() -> Any:
        return inner()

    fail(outer)

    assert system.retries.budgets.of("tests.strategies.retried.Flaky.ask").counts(0.0)[0] == 0


def test_reset_forgets_what_was_spent(system: System) -> None:
    """So that one test leaves nothing to the next; guards made before go on counting."""
    upstream = Flaky(DOWN)
    guard = still(system, budget=0.0)(upstream.ask)
    fail(guard, 9)

    reset(system)
    fail(guard)

    assert len(upstream.calls) == 9 + 3 + 1 + 2


def test_rounding_takes_no_retry_away() -> None:
    """29 % of 100 calls are 29 retries, though 0.29 * 100 is a little less."""
    spent = Budget()
    for _ in range(100):
        next(spent.tick)

    assert sum(spent.take(0.29, 0, 0.0) for _ in range(40)) == 29


def test_a_part_of_a_retry_is_none() -> None:
    """20 % of 9 calls is one retry."""
    spent = Budget()
    for _ in range(9):
        next(spent.tick)

    assert sum(spent.take(0.2, 0, 0.0) for _ in range(9)) == 1


def test_names_are_of_one_system() -> None:
    """Two systems share no budget."""
    first, second = Budgets(System().runtime), Budgets(System().runtime)

    assert first.of("x") is first.of("x")
    assert first.of("x") is not second.of("x")


@pytest.mark.stress
def test_sixteen_threads_count_exactly(system: System) -> None:
    """No call and no retry is lost, and not one retry is beyond the budget."""
    threads, each = 16, 500
    made = [0] * threads
    begin = threading.Barrier(threads)

    @still(system)
    def ask(number: int) -> None:
        made[number] += 1
        raise DOWN

    def work(number: int) -> None:
        begin.wait()
        for _ in range(each):
            with suppress(ConnectionError):
                ask(number)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))

    calls = threads * each
    retries = sum(made) - calls
    name = f"{ask.__module__}.{ask.__qualname__}"
    assert system.retries.budgets.of(name).counts(0.0) == (retries, calls)
    # The last calls find nearly all others counted, and would like two retries each.
    assert retries == calls * 0.2 + 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_its_own_lock(system: System) -> None:
    """One that another thread held at the fork stays locked for ever."""
    shared = system.retries.budgets.of("forked")

    with shared._lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if shared.take(1.0, 3, 0.0) else 1)

    assert os.waitpid(child, 0)[1] == 0
