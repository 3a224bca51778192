"""The actions at work behind `@heal`: callers see no failure at all."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from redis import Redis
from redis import asyncio as aioredis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import create_engine, text

from flaky_upstream.server import Upstream
from resilience import System
from resilience.healing.records import Result
from resilience.healing.repairs import DisconnectRedis, DisposeEngine
from tests.examples.shops import running_upstream
from tests.healing.repairs.test_django import run as run_django
from tests.servers.forwarder import forwarding
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer, running_redis


@pytest.fixture
def real() -> Iterator[System]:
    """Give a system on the machine's clock: what is repaired here takes its own time."""
    with System() as system:
        yield system


def results(system: System, component: str) -> set[str]:
    """Return how the recoveries of a component ended."""
    return {str(each.result) for each in system.healer.history(component)}


def test_a_failover_of_redis_is_not_noticed(fresh_redis: RedisServer, real: System) -> None:
    """Twenty writes to an address that leads to another primary: none fails."""
    with running_redis() as new, forwarding(fresh_redis.port) as address:
        once = Retry(NoBackoff(), 0)
        with Redis(port=address.port, retry=once, socket_timeout=5.0) as client:
            real.healer.action(DisconnectRedis("cache", client))

            @real.heal("cache")
            def write(number: int) -> Any:
                return client.set("greeting", number)

            write(0)
            fresh_redis.follow(new)
            address.lead_to(new.port)

            assert all(write(number) for number in range(20))
            (action,) = real.healer.actions("cache")
            assert len([each for each in action.history() if each.ran]) == 1
        assert new.tell("GET", "greeting") == "19"
    assert results(real, "cache") == {Result.SUCCEEDED}


def test_nor_on_a_loop(fresh_redis: RedisServer, real: System) -> None:
    """The action closes the connections where they were opened."""

    async def scenario() -> list[Any]:
        with running_redis() as new, forwarding(fresh_redis.port) as address:
            once = AsyncRetry(NoBackoff(), 0)
            async with aioredis.Redis(port=address.port, retry=once) as client:
                real.healer.action(DisconnectRedis("cache", client, in_caller=True))

                @real.heal("cache")
                async def write(number: int) -> Any:
                    return await client.set("greeting", number)

                await write(0)
                await asyncio.to_thread(fresh_redis.follow, new)
                address.lead_to(new.port)
                return [await write(number) for number in range(20)]

    assert asyncio.run(scenario()) == [True] * 20


def test_a_leaked_pool_is_not_noticed(fresh_postgres: PostgresServer, real: System) -> None:
    """The first query that finds it empty waits, and gets its answer from the new one."""
    engine = create_engine(
        fresh_postgres.url(driver="psycopg"), pool_size=2, max_overflow=0, pool_timeout=0.05
    )
    real.healer.action(DisposeEngine("database", engine))
    leaked = [engine.connect() for _ in range(2)]

    @real.heal("database")
    def query() -> Any:
        with engine.connect() as connection:
            return connection.scalar(text("SELECT 1"))

    assert [query() for _ in range(5)] == [1] * 5
    assert results(real, "database") == {Result.SUCCEEDED}
    for each in leaked:
        each.close()
    engine.dispose()


def test_leaked_http_connections_are_not_noticed(real: System) -> None:
    """The held client replaces itself, and the call is made again."""
    with running_upstream() as service:
        client = small(service, real)
        for _ in range(2):
            client.send(client.build_request("GET", "/prices"), stream=True)

        @real.heal("prices")
        def prices() -> int:
            return client.get("/prices").status_code

        assert [prices() for _ in range(5)] == [200] * 5
        client.close()


def small(service: Upstream, system: System) -> httpx2.Client:
    """Return a held client with room for two connections."""
    return system.client(
        lambda: httpx2.Client(
            base_url=service.address,
            limits=httpx2.Limits(max_connections=2),
            timeout=httpx2.Timeout(5.0, pool=0.05),
            trust_env=False,
        ),
        component="prices",
    )


@pytest.mark.parametrize("scenario", ["healing", "healing_async"])
def test_cut_connections_of_django_are_not_noticed(
    fresh_postgres: PostgresServer, scenario: str
) -> None:
    """Outside any request, in sync code and under a loop: ten of ten queries are answered."""
    outcomes, repairs = run_django(scenario, fresh_postgres)

    assert outcomes == ["ok"] * 10
    assert repairs == 1
