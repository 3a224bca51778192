"""What an action may do, when, and what its record says."""

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from resilience import ConfigurationError, System, UnknownSettingError
from resilience.healing.actions import Action, Outcome
from resilience.healing.functions import FunctionAction
from resilience.testing import ManualClock


class Pool(Action):
    """Drops what is left in a pool."""

    def __init__(self, leaked: int, **options: Any) -> None:
        super().__init__("database", **options)
        self.leaked = leaked
        self.runs = 0

    def act(self) -> None:
        """Drop all."""
        self.runs += 1
        self.leaked = 0

    def measure(self) -> int:
        """Count what is left."""
        return self.leaked


def test_a_run_is_recorded_with_what_was_before_and_after(clock: ManualClock) -> None:
    """The record says what the action changed, when and for how long."""
    action = Pool(5, clock=clock)

    record = action.run()

    assert (record.before, record.after, record.outcome) == (5, 0, Outcome.CHANGED)
    assert (record.action, record.component, record.at) == ("Pool", "database", clock.time())
    assert action.history() == [record]


@pytest.mark.parametrize(
    ("verify", "outcome"),
    [
        (lambda: True, Outcome.VERIFIED),
        (lambda: False, Outcome.UNHELPFUL),
        (lambda: None, Outcome.CHANGED),
        (lambda: 1 / 0, Outcome.UNHELPFUL),
    ],
)
def test_only_a_check_that_passes_makes_it_verified(
    clock: ManualClock, verify: Callable[[], Any], outcome: Outcome
) -> None:
    """That the action returned is no success; a check that raises has not passed."""
    assert Pool(5, clock=clock).run(verify=verify).outcome is outcome


def test_its_own_check_is_asked_before_the_healers(clock: ManualClock) -> None:
    """An action that knows how to verify itself does."""
    action = Pool(5, clock=clock, verify=lambda: True)

    assert action.run(verify=lambda: False).outcome is Outcome.VERIFIED


def test_what_it_raises_is_recorded_and_goes_no_further(clock: ManualClock) -> None:
    """An error inside an action is for the record, never for a caller."""
    action = FunctionAction("database", lambda: 1 / 0, clock=clock)

    record = action.run(verify=lambda: True)

    assert record.outcome is Outcome.FAILED
    assert record.detail == "ZeroDivisionError: division by zero"


def test_it_cools_down_after_each_run(clock: ManualClock) -> None:
    """Within the cool-down a run is refused, in words; after it, it runs."""
    action = Pool(5, clock=clock, cool_down=30)
    action.run()

    clock.advance(29)
    refused = action.run()
    clock.advance(1)
    after = action.run()

    assert (refused.outcome, refused.detail) == (Outcome.REFUSED, "cools down for 1 s")
    assert after.ran
    assert action.runs == 2


def test_it_runs_so_often_in_a_period_and_no_more(clock: ManualClock) -> None:
    """The period slides: a run is free again once the oldest is out of it."""
    action = Pool(5, clock=clock, cool_down=0, limit=2, period=60)
    action.run()
    clock.advance(20)
    action.leaked = 5
    action.run()

    refused = action.run()
    wait = action.wait()
    clock.advance(40)

    assert (refused.detail, wait) == ("ran 2 times in 60 s", 40)
    assert action.run().ran


def test_a_dry_run_does_and_counts_nothing(clock: ManualClock) -> None:
    """It says that it would have run."""
    action = Pool(5, clock=clock, dry_run=True, limit=1)

    outcomes = [action.run().outcome for _ in range(3)]

    assert outcomes == [Outcome.DRY] * 3
    assert action.leaked == 5


def test_two_useless_runs_switch_it_off(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so, is refused for `off_for` seconds, and then has another chance."""
    action = Pool(0, clock=clock, cool_down=0, off_for=600)

    with caplog.at_level(logging.WARNING, logger="resilience"):
        first, second = action.run(), action.run()

    assert [first.outcome, second.outcome] == [Outcome.UNCHANGED] * 2
    assert (first.switched_off, second.switched_off) == (False, True)
    assert caplog.messages == [
        "action 'Pool' on 'database' is off for 600 s: it changed nothing twice in a row"
    ]
    assert action.off
    assert action.run().detail == "off for 600 s: 2 runs in a row changed nothing"
    clock.advance(600)
    assert not action.off
    assert action.run().ran


def test_a_useful_run_between_two_useless_ones_keeps_it_on(clock: ManualClock) -> None:
    """Only runs in a row count."""
    action = Pool(0, clock=clock, cool_down=0, limit=10)

    action.run()
    action.leaked = 3
    action.run()
    action.run()

    assert not action.off


def test_where_nothing_can_be_told_it_stays_on(clock: ManualClock) -> None:
    """Without a measurement and a check no run is known to be useless."""
    action = FunctionAction("database", lambda: None, clock=clock, cool_down=0, limit=10)

    assert [action.run().outcome for _ in range(5)] == [Outcome.DONE] * 5
    assert not action.off


def test_an_operator_switches_it_on_again(clock: ManualClock) -> None:
    """`enable` forgets all runs."""
    action = Pool(0, clock=clock, cool_down=0)
    action.run()
    action.run()

    action.enable()

    assert action.refusal() is None


def test_it_runs_once_at_a_time(clock: ManualClock) -> None:
    """A second run beside the first is refused; one for its caller's thread is not."""
    records = []

    class Slow(Pool):
        def act(self) -> None:
            thread = threading.Thread(target=lambda: records.append(self.run()))
            if self.runs < 1:
                self.runs += 1
                thread.start()
                thread.join()

    Slow(1, clock=clock, cool_down=0).run()
    Slow(1, clock=clock, cool_down=0, in_caller=True).run()

    assert [record.detail for record in records] == ["is running", ""]


def test_an_async_action_runs_from_sync_and_async_code(clock: ManualClock) -> None:
    """`run` awaits it on a loop of its own, `run_async` on the one that runs."""
    loops: list[bool] = []

    async def act() -> None:
        await asyncio.sleep(0)
        loops.append(True)

    action = FunctionAction("cache", act, clock=clock, cool_down=0, verify=lambda: True)

    assert action.run().outcome is Outcome.VERIFIED
    assert asyncio.run(action.run_async()).outcome is Outcome.VERIFIED
    assert loops == [True, True]


@pytest.mark.parametrize(
    ("passes", "outcome"),
    [(True, Outcome.VERIFIED), (False, Outcome.UNHELPFUL), (None, Outcome.CHANGED)],
)
def test_an_async_check_is_awaited(
    clock: ManualClock, passes: bool | None, outcome: Outcome
) -> None:
    """From sync and async code; its coroutine is no "yes"."""

    async def verify() -> bool | None:
        await asyncio.sleep(0)
        return passes

    pool = Pool(1, clock=clock, cool_down=0, verify=verify)
    assert pool.run().outcome is outcome
    pool.leaked = 1

    assert asyncio.run(pool.run_async()).outcome is outcome


def test_one_that_ends_its_thread_may_run_again(clock: ManualClock) -> None:
    """`sys.exit` somewhere below passes on, is recorded, and gives the right to run back."""
    action = FunctionAction("cache", sys.exit, clock=clock, cool_down=0)

    with pytest.raises(SystemExit):
        action.run()

    assert [each.outcome for each in action.history()] == [Outcome.FAILED]
    assert action.refusal() is None


def test_a_cancelled_action_may_run_again(clock: ManualClock) -> None:
    """Cancellation passes on, and gives the right to run back."""

    async def hang() -> None:
        await asyncio.Event().wait()

    action = FunctionAction("cache", hang, clock=clock, cool_down=0)

    async def cancelled() -> None:
        task = asyncio.create_task(action.run_async())
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())

    assert action.refusal() is None


@pytest.mark.parametrize(
    ("error", "applies"), [(ConnectionError(), True), (KeyError(), False), (None, True)]
)
def test_its_trigger_says_which_failures_it_may_help_against(
    error: Exception | None, *, applies: bool
) -> None:
    """`on` takes types or a predicate."""
    assert Pool(1, on=ConnectionError).applies(error) is applies
    assert Pool(1, on=lambda e: isinstance(e, ConnectionError)).applies(error) is applies


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"cool_down": -1}, "cool_down=-1: give a number >= 0"),
        ({"limit": 0}, "limit=0: give a whole number of at least 1"),
        ({"period": 0}, "period=0: give a number > 0"),
        ({"dry_run": "yes"}, "dry_run='yes': give true or false"),
        ({"verify": True}, "verify=True: give a function"),
        ({"on": "errors"}, "on='errors': give an exception type"),
        ({"name": ""}, "name='': give a printable text"),
    ],
)
def test_wrong_options_are_refused_by_name(options: dict[str, Any], told: str) -> None:
    """Where the action is made, or registered, not when it is needed."""
    with pytest.raises(ConfigurationError, match=told):
        Pool(1, **options)
    with pytest.raises(ConfigurationError, match=told):
        System().healer.action("database", **options)


def test_an_unknown_option_is_refused_with_a_near_name() -> None:
    """A typing mistake does not pass for a setting."""
    with pytest.raises(UnknownSettingError, match="did you mean 'cool_down'"):
        Pool(1, cooldown=3)


def test_the_healer_takes_functions_and_actions(system: System, clock: ManualClock) -> None:
    """The decorator gives the function back; the same name again takes the earlier's place."""

    @system.healer.action("database", cool_down=5)
    def reconnect() -> str:
        return "as ever"

    pool = system.healer.action(Pool(1))
    system.healer.action("database", name="Pool")(lambda: None)

    assert reconnect() == "as ever"
    names = [action.name for action in system.healer.actions("database")]
    assert names == [
        "tests.healing.test_actions.test_the_healer_takes_functions_and_actions.<locals>.reconnect",
        "Pool",
    ]
    assert pool.clock is clock
    assert pool not in system.healer.actions("database")


@pytest.mark.parametrize("wrong", [lambda: None, None, 3])
def test_an_action_needs_its_component(system: System, wrong: Any) -> None:
    """Bare use, and anything but a name, is refused with what to write."""
    with pytest.raises(ConfigurationError, match="give a component's name"):
        system.healer.action(wrong)


def test_an_async_measurement_is_refused(system: System) -> None:
    """Two coroutines always differ: each run would seem to change something."""

    async def measure() -> int:
        return 0

    with pytest.raises(ConfigurationError, match=r"measure=.*give a plain function"):
        system.healer.action("cache", measure=measure)


def test_a_function_that_wants_arguments_is_refused(system: System) -> None:
    """Where it is given, and not when the component is down: there is nothing to give it."""

    def reconnect(error: Exception) -> None:
        raise error

    wrong: Any = reconnect
    with pytest.raises(ConfigurationError, match=r"action=.*can be called with no argument"):
        system.healer.action("cache")(wrong)
    with pytest.raises(ConfigurationError, match=r"verify=.*can be called with no argument"):
        system.healer.action("cache", verify=wrong)


def test_what_is_no_function_is_refused(system: System) -> None:
    """The decorator on a value says so at once."""
    register: Any = system.healer.action("database")

    with pytest.raises(ConfigurationError, match="give a function"):
        register(3)
