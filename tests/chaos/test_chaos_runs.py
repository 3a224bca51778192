"""Runs: what they do to calls, when they end, and what they tell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

from resilience import (
    ChaosRefusedError,
    ConfigurationError,
    Corrupt,
    Error,
    Event,
    Exhaustion,
    Experiment,
    InjectedFaultError,
    Latency,
    Outage,
    System,
    cascade,
)
from resilience.core.guard import name_of
from resilience.testing import ManualClock

Call = Callable[[], object]


def failing_share(call: Call, calls: int = 1000) -> float:
    """Return the share of calls that fail."""
    failed = 0
    for _ in range(calls):
        try:
            call()
        except InjectedFaultError:
            failed += 1
    return failed / calls


def traffic(call: Call) -> Call:
    """Return a probe that makes a call, and takes no offence if it fails."""

    def ask() -> None:
        with suppress(Exception):
            call()

    return ask


@pytest.fixture
def prices(system: System) -> Call:
    """Give a guarded call."""

    @system.circuit("prices", min_calls=100)
    def prices() -> int:
        return 7

    return prices


def test_a_completed_run_tells_all_of_it(system: System, prices: Call, events: list[Event]) -> None:
    """Status, seed, counts, steady state, and both events."""
    experiment = Experiment(
        "broken", Outage(), "prices", duration=30, share=0.4, seed=5, steady_state=[traffic(prices)]
    )

    result = system.chaos.run(experiment, actor="ann")

    assert (result.status, result.seed, result.duration) == ("completed", 5, 30.0)
    assert result.calls == 30
    assert 0 < result.injected < 30
    assert all((result.before, result.during, result.after))
    told = [event for event in events if event.type.startswith("chaos")]
    assert [event.type for event in told] == ["chaos_started", "chaos_finished"]
    assert told[1].data["status"] == "completed"
    assert told[1].data["actor"] == "ann"
    assert system.chaos.results() == [result]


def test_a_function_under_a_bare_retry_is_a_target(system: System) -> None:
    """Whichever decorator is its only one, with arguments or without."""

    @system.retry
    def rates() -> int:
        return 7

    experiment = Experiment("broken", Outage(), rates, duration=3, steady_state=[traffic(rates)])

    assert system.chaos.run(experiment).injected > 0


def test_a_cascade_takes_one_target_after_the_other(system: System, prices: Call) -> None:
    """In one run, with one result; none comes back before its end."""

    @system.circuit("stock", min_calls=100)
    def stock() -> int:
        return 1

    log: list[tuple[bool, bool]] = []

    def look() -> None:
        log.append((not fails(prices), not fails(stock)))

    result = system.chaos.run(cascade("prices", stock, duration=10, steady_state=[look]))

    assert (result.status, result.target) == ("completed", f"prices → {name_of(stock)}")
    during = [each for each in log[1:] if each != (True, True)]
    assert during[0] == (False, True)
    assert during[-1] == (False, False)
    assert during == sorted(during, reverse=True)
    assert 3 <= during.count((False, True)) <= 6
    assert result.injected == len(during) + during.count((False, False))


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ((), "give a name, or several"),
        (("prices", "prices"), "twice"),
        (("prices", "x"), "unknown"),
    ],
)
def test_what_is_no_cascade_is_refused(
    system: System, prices: Call, targets: tuple[str, ...], expected: str
) -> None:
    """Nothing is injected."""
    with pytest.raises((ConfigurationError, ChaosRefusedError), match=expected):
        system.chaos.run(cascade(*targets, duration=1)).check()
    assert prices() == 7


def fails(call: Call) -> bool:
    """Tell whether a call fails."""
    try:
        call()
    except InjectedFaultError:
        return True
    return False


def test_the_advice_names_what_to_change_and_why(system: System, prices: Call) -> None:
    """A circuit that never opened, with the number that kept it closed and one to try."""
    experiment = Experiment(
        "x", Outage(), "prices", duration=60, share=0.4, seed=1, steady_state=[traffic(prices)]
    )

    result = system.chaos.run(experiment)

    share = round(100 * result.injected / result.calls)
    assert result.recommendations[0] == (
        f"`prices` never opened: {share} % failed for 60 s below min_calls 100; try 30"
    )


def test_no_advice_where_the_circuit_opened_and_a_fallback_answered(system: System) -> None:
    """Well-built code is left alone."""

    @system.fallback(0)
    @system.circuit("good", failure_threshold=3)
    def good() -> int:
        return 1

    experiment = Experiment(
        "x", Outage(), "good", duration=20, steady_state=[lambda: good() is not None]
    )
    result = system.chaos.run(experiment)

    assert result.status == "completed"
    assert result.recommendations == ()
    assert any("circuit 'good' opened" in each for each in result.observations)


def test_the_same_seed_hits_the_same_calls(system: System, prices: Call) -> None:
    """A replay of the seed that was told fails the same calls; another seed does not."""

    def pattern(seed: int | None) -> tuple[list[bool], int]:
        hits: list[bool] = []

        def probe() -> None:
            hits.append(failing_share(prices, 1) == 1.0)

        experiment = Experiment("x", Error(), "prices", 20, 0.5, (probe,), seed=seed)
        result = system.chaos.run(experiment)
        system.circuits["prices"].reset()
        return hits, result.seed

    first, seed = pattern(None)

    assert pattern(seed) == (first, seed)
    assert pattern(seed + 1)[0] != first


def test_latency_is_waited_out_sync_and_async(system: System, clock: ManualClock) -> None:
    """The call takes that much longer, and still answers."""

    @system.circuit("sync")
    def sync() -> float:
        return clock.monotonic()

    @system.circuit("async")
    async def asynchronous() -> float:
        return clock.monotonic()

    system.configure({"chaos": {"enabled": True, "max_concurrent": 2}})
    system.chaos.start(Experiment("a", Latency(2.0), "sync"))
    system.chaos.start(Experiment("b", Latency(3.0), "async"))

    assert sync() == pytest.approx(2.0)
    assert asyncio.run(asynchronous()) == pytest.approx(5.0)


def test_corrupt_results_reach_the_caller(system: System, prices: Call) -> None:
    """A value stands for the result; a function makes another of it."""
    system.chaos.start(Experiment("x", Corrupt(None), "prices"))
    assert prices() is None
    system.chaos.halt()

    system.chaos.start(Experiment("x", Corrupt(lambda price: -price), "prices"))
    assert prices() == -7


def test_an_exhausted_bulkhead_has_no_place_until_the_end(system: System) -> None:
    """All places are taken, and all given back."""

    @system.bulkhead(3, name="pool")
    def work() -> None:
        return None

    system.chaos.start(Experiment("x", Exhaustion(), "bulkhead:pool"))
    assert system.bulkheads["pool"].snapshot().in_use == 3
    system.chaos.halt()

    assert system.bulkheads["pool"].snapshot().in_use == 0


def test_only_calls_that_match_are_hit(system: System) -> None:
    """A function of the arguments chooses."""

    @system.circuit("by tenant")
    def order(tenant: str) -> str:
        return tenant

    system.chaos.start(
        Experiment("x", Outage(), "by tenant", match=lambda tenant: bool(tenant == "test"))
    )

    assert order("real") == "real"
    with pytest.raises(InjectedFaultError):
        order("test")


def test_a_match_that_raises_breaks_no_call(
    system: System, prices: Call, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends the experiment, which says so."""
    run = system.chaos.start(Experiment("x", Outage(), "prices", match=lambda tenant: True))

    assert (prices(), prices()) == (7, 7)
    assert run.step()
    assert run.result is not None
    assert run.result.status == "failed"
    assert run.result.reason.startswith("its match broke: TypeError: ")
    assert "the match of 'x' broke" in caplog.text


def test_a_broken_steady_state_aborts(system: System, prices: Call, clock: ManualClock) -> None:
    """The fault is out at once, and the result says which probe broke."""
    experiment = Experiment(
        "x", Outage(), "prices", steady_state=[lambda: clock.monotonic() < 5, "error_rate <= 0.5"]
    )

    result = system.chaos.run(experiment)

    assert result.status == "aborted"
    assert "the steady state broke" in result.reason
    assert result.duration == pytest.approx(5.0)
    assert prices() == 7


def test_an_unsteady_system_is_left_alone(system: System, prices: Call) -> None:
    """Nothing is injected where a probe does not hold before."""
    result = system.chaos.run(
        Experiment("x", Outage(), "prices", steady_state=["circuit prices is open"])
    )

    assert result.status == "refused"
    assert "circuit prices is open (saw closed)" in result.reason
    assert prices() == 7


def test_a_circuit_outside_of_the_target_aborts(system: System, prices: Call) -> None:
    """The blast went further than it was to; injecting ends with that very call."""
    other = system.circuits.get("other", failure_threshold=1)
    run = system.chaos.start(Experiment("x", Outage(), "prices"))

    with pytest.raises(KeyError):
        other.call(dict[str, int]().__getitem__, "no")

    assert prices() == 7
    assert run.step()
    assert run.result is not None
    assert run.result.status == "aborted"
    assert "'other' opened" in run.result.reason


def test_a_circuit_that_an_operator_opens_aborts(system: System, prices: Call) -> None:
    """There is trouble elsewhere; one that is forced closed is none, nor the target's own."""
    other = system.circuits.get("other")
    run = system.chaos.start(Experiment("x", Outage(), "prices"))

    other.force_closed("drill")
    system.circuits["prices"].force_open("drill")
    assert not run.step()
    other.force_open("its disk is full", actor="ann")

    assert run.step()
    assert run.result is not None
    assert "'other' opened" in run.result.reason


def test_a_deep_level_aborts(system: System, prices: Call) -> None:
    """At minimal there is no room for experiments."""
    run = system.chaos.start(Experiment("x", Outage(), "prices"))

    system.degradation.degrade("minimal", "too much")

    assert prices() == 7
    assert run.step()
    assert run.result is not None
    assert run.result.status == "aborted"


def test_faults_end_when_the_runner_dies(system: System, prices: Call, clock: ManualClock) -> None:
    """Nobody renews the lease: the fault is over 15 s later, and the engine cleans up."""
    run = system.chaos.start(Experiment("x", Outage(), "prices", duration=300))
    assert failing_share(prices, 10) == 1.0

    clock.advance(16.0)
    assert prices() == 7
    system.tick()

    assert run.result is not None
    assert run.result.status == "aborted"
    assert system.chaos.running() == []


def test_started_runs_end_with_their_time(system: System, prices: Call, clock: ManualClock) -> None:
    """The engine sees to them."""
    run = system.chaos.start(Experiment("x", Outage(), "prices", duration=10))

    for _ in range(10):
        clock.advance(1.0)
        system.tick()

    assert run.result is not None
    assert run.result.status == "completed"


def test_an_interrupted_runner_leaves_nothing_behind(system: System, prices: Call) -> None:
    """Ctrl-C takes the fault out, and goes on."""
    asked = iter([True, KeyboardInterrupt])

    def probe() -> bool:
        answer = next(asked, True)
        if answer is KeyboardInterrupt:
            raise KeyboardInterrupt
        return True

    with pytest.raises(KeyboardInterrupt):
        system.chaos.run(Experiment("x", Outage(), "prices", steady_state=[probe]))

    assert prices() == 7
    assert system.chaos.results()[-1].status == "aborted"


def test_run_async_awaits_async_probes(system: System, prices: Call) -> None:
    """The same course, without holding up the loop."""

    async def probe() -> bool:
        await asyncio.sleep(0)
        return True

    result = asyncio.run(
        system.chaos.run_async(Experiment("x", Error(), "prices", 5, steady_state=[probe]))
    )

    assert result.status == "completed"
    assert prices() == 7


def test_unknown_targets_are_refused_with_near_names(system: System, prices: Call) -> None:
    """`run` tells it in the result, `start` raises."""
    experiment = Experiment("x", Outage(), "price")

    assert system.chaos.run(experiment).reason == "unknown target 'price'; did you mean 'prices'?"
    with pytest.raises(ConfigurationError, match="did you mean 'prices'"):
        system.chaos.start(experiment)
