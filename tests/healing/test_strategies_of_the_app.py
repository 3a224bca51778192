"""Strategies that are neither names nor of ours: objects with `call` and `call_async`."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from resilience import System
from resilience.healing.healer import Healer
from resilience.healing.records import Result
from resilience.healing.settings import HealerSettings
from tests.healing.conftest import Database, World
from tests.strategies.conftest import as_coroutine, as_plain, run

Call = Callable[..., Any]


class Reconnecting:
    """Reconnects, and then makes the call; counts how often."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def call(self, fn: Call, *args: Any, **kwargs: Any) -> Any:
        """Make the call over a new connection."""
        self.database.repair()
        return fn(*args, **kwargs)

    async def call_async(self, fn: Call, *args: Any, **kwargs: Any) -> Any:
        """Do the same where the call is awaited."""
        self.database.repair()
        return await fn(*args, **kwargs)


class RecoveringByReconnection(Reconnecting):
    """What mends the component, and not only the call."""

    recovers = True


class ReconnectingWhenItFails(RecoveringByReconnection):
    """Makes the call first."""

    def call(self, fn: Call, *args: Any, **kwargs: Any) -> Any:
        """Make the call, and over a new connection if it fails."""
        try:
            return fn(*args, **kwargs)
        except Exception:
            return super().call(fn, *args, **kwargs)


@pytest.mark.parametrize("kind", [as_plain, as_coroutine])
def test_a_strategy_that_acts_and_then_calls_gets_the_calls_answer(
    system: System, database: Database, kind: Call
) -> None:
    """What it is given makes the call; once, not twice."""
    strategy = Reconnecting(database)
    query = system.heal("database", strategy=strategy)(kind(database.query))
    database.up = False

    assert run(query, 7) == (7,)
    assert (database.calls, database.repairs) == (2, 1)


def test_an_async_strategy_is_awaited_with_the_calls_arguments(
    healer: Healer, database: Database
) -> None:
    """As `run_async` awaits everything."""
    healer.configure(HealerSettings(strategy_map={"network": Reconnecting(database)}))
    database.up = False

    answer = asyncio.run(healer.run_async("database", as_coroutine(database.query), 1, 2))

    assert answer == (1, 2)


@pytest.mark.parametrize("made", [RecoveringByReconnection, ReconnectingWhenItFails])
@pytest.mark.parametrize("is_checked", [True, False])
def test_one_that_recovers_is_judged_by_the_check_and_not_by_what_it_raises(
    healer: Healer,
    world: World,
    database: Database,
    made: Callable[[Database], Any],
    is_checked: bool,
) -> None:
    """Whether it acts before it calls or after; without a check the next call is the proof."""
    if not is_checked:
        world.check = lambda component: None
    healer.configure(HealerSettings(default_strategy=[made(database)]))
    database.up = False

    healer.failed("database", "postgres", ConnectionError("gone"))
    world.catch_up()
    assert healer.run("database", database.query, 7) == (7,)

    assert database.repairs == 1
    assert [each.result for each in healer.history()] == [Result.SUCCEEDED]


def test_one_that_recovers_for_nothing_has_failed(
    healer: Healer, world: World, database: Database
) -> None:
    """Its own error is no proof, and no more is that it raised none."""
    strategy = RecoveringByReconnection(database)
    healer.configure(HealerSettings(default_strategy=[strategy]))
    database.up = database.repair_helps = False

    healer.failed("database", "postgres", ConnectionError("gone"))
    world.catch_up()

    assert [each.result for each in healer.history()] == [Result.FAILED]
