"""Leaked and cut SQLAlchemy connections, on a real PostgreSQL."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from resilience.healing.actions import Outcome
from resilience.healing.repairs import DisposeEngine
from resilience.testing import ManualClock
from tests.servers.apps import eventually
from tests.servers.postgres import PostgresServer


@pytest.fixture
def engine(fresh_postgres: PostgresServer) -> Iterator[Engine]:
    """Give an engine with room for two connections, which waits 50 ms for one."""
    made = create_engine(
        fresh_postgres.url(driver="psycopg"), pool_size=2, max_overflow=0, pool_timeout=0.05
    )
    yield made
    made.dispose()


@pytest.fixture
def leaked(engine: Engine) -> Iterator[list[Connection]]:
    """Leak both connections: nobody gives them back."""
    taken = [engine.connect() for _ in range(2)]
    yield taken
    for each in taken:
        each.close()


def queries(engine: Engine, action: DisposeEngine | None = None) -> list[type | None]:
    """Query five times, with the action after each failure; return the error of each time."""
    outcomes: list[type | None] = []
    for _ in range(5):
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
            outcomes.append(None)
        except Exception as error:
            outcomes.append(type(error))
            if action is not None and action.applies(error):
                action.run()
    return outcomes


def test_without_it_a_leaked_pool_never_recovers(engine: Engine, leaked: list[Connection]) -> None:
    """Five of five fail, with a database that is well."""
    assert queries(engine) == [PoolTimeoutError] * 5


def test_with_it_only_the_first_query_fails(
    engine: Engine, leaked: list[Connection], clock: ManualClock
) -> None:
    """The new pool has room; the record tells how many had been given out."""
    action = DisposeEngine("database", engine, clock=clock)

    assert queries(engine, action) == [PoolTimeoutError] + [None] * 4
    (record,) = action.history()
    assert (record.before, record.after, record.outcome) == (2, 0, Outcome.CHANGED)


def test_a_leaked_connection_still_works_for_who_has_it(
    engine: Engine, leaked: list[Connection], clock: ManualClock, fresh_postgres: PostgresServer
) -> None:
    """It is closed, rather than pooled, when it is given back after all."""
    DisposeEngine("database", engine, clock=clock).run()

    assert leaked[0].scalar(text("SELECT 1")) == 1
    for each in leaked:
        each.close()
    assert eventually(lambda: fresh_postgres.connections() == 0)  # once PostgreSQL has noticed


def test_it_runs_once_in_30_seconds(engine: Engine, clock: ManualClock) -> None:
    """Whatever leaks leaks again: a new pool each time would be a flood of connections."""
    action = DisposeEngine("database", engine, clock=clock)
    first = engine.pool
    action.run()
    second = engine.pool

    clock.advance(29.9)
    refused = action.run()
    assert (refused.outcome, engine.pool) == (Outcome.REFUSED, second)
    clock.advance(0.1)
    action.run()

    assert engine.pool not in (first, second)


def test_connections_that_were_cut_need_no_action(
    engine: Engine, clock: ManualClock, fresh_postgres: PostgresServer
) -> None:
    """The pool replaces all of them after the first error; the action does not apply."""
    with engine.connect():
        pass
    fresh_postgres.cut_connections()

    assert (
        queries(engine, action := DisposeEngine("database", engine, clock=clock))
        == [OperationalError] + [None] * 4
    )
    assert action.history() == []


def test_a_statements_own_error_is_none_of_its_business(engine: Engine) -> None:
    """Neither is a stranger's `TimeoutError`."""
    action = DisposeEngine("database", engine)

    assert not action.applies(IntegrityError("INSERT", {}, ValueError()))
    assert not action.applies(TimeoutError())
    assert action.applies(PoolTimeoutError())


def test_a_pool_that_keeps_nothing_is_not_counted(fresh_postgres: PostgresServer) -> None:
    """`NullPool` has nothing to leak."""
    engine = create_engine(fresh_postgres.url(driver="psycopg"), poolclass=NullPool)

    record = DisposeEngine("database", engine, clock=ManualClock()).run()

    assert (record.before, record.after, record.outcome) == (None, None, Outcome.DONE)


def test_it_works_on_async_engines(fresh_postgres: PostgresServer, clock: ManualClock) -> None:
    """From any thread: nothing is closed that belongs to a loop."""

    async def scenario() -> None:
        engine = create_async_engine(
            fresh_postgres.url(driver="psycopg"), pool_size=1, max_overflow=0, pool_timeout=0.05
        )
        leaked = await engine.connect()
        with pytest.raises(PoolTimeoutError):
            await engine.connect()

        record = await asyncio.to_thread(DisposeEngine("database", engine, clock=clock).run)

        assert (record.before, record.after) == (1, 0)
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
        await leaked.close()
        await engine.dispose()

    asyncio.run(scenario())
