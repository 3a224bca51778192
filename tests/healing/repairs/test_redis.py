"""A Redis turned replica behind the same address: what the pool goes on with, and without."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from redis import ConnectionPool, Redis
from redis import asyncio as aioredis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import MasterDownError, ReadOnlyError, RedisError, ResponseError
from redis.retry import Retry

from resilience import ConfigurationError
from resilience.healing.actions import Outcome
from resilience.healing.repairs import DisconnectRedis
from resilience.testing import ManualClock
from tests.servers.forwarder import Forwarder, forwarding
from tests.servers.redis import RedisServer, running_redis


class Failover:
    """An address that leads to one Redis, and then to another."""

    def __init__(self, address: Forwarder, old: RedisServer, new: RedisServer) -> None:
        self.address = address
        self._old = old
        self._new = new

    def happen(self) -> None:
        """Turn the old primary into a replica of the new one, and lead new connections there."""
        self._old.follow(self._new)
        self.address.lead_to(self._new.port)


@pytest.fixture
def failover(fresh_redis: RedisServer) -> Iterator[Failover]:
    """Give a failover that has not happened."""
    with running_redis() as new, forwarding(fresh_redis.port) as address:
        yield Failover(address, fresh_redis, new)


@pytest.fixture
def client(failover: Failover) -> Iterator[Redis]:
    """Give a client whose pool holds four idle connections to the old primary."""
    once = Retry(NoBackoff(), 0)
    with Redis(port=failover.address.port, retry=once, socket_timeout=5.0) as client:
        fill(client.connection_pool)
        yield client


def fill(pool: ConnectionPool) -> None:
    """Open four connections, and give them back."""
    taken = [pool.get_connection() for _ in range(4)]
    for each in taken:
        pool.release(each)


def writes(client: Redis, action: DisconnectRedis | None = None) -> list[type | None]:
    """Write twenty times, with the action after each failure; return the error of each time."""
    outcomes: list[type | None] = []
    for number in range(20):
        try:
            client.set("greeting", number)
            outcomes.append(None)
        except RedisError as error:
            outcomes.append(type(error))
            if action is not None and action.applies(error):
                action.run()
    return outcomes


def test_without_it_every_write_goes_on_to_the_replica(failover: Failover, client: Redis) -> None:
    """Twenty of twenty fail, though the address leads to a primary."""
    failover.happen()

    assert writes(client) == [ReadOnlyError] * 20


def test_with_it_the_first_failure_is_the_last(
    failover: Failover, client: Redis, clock: ManualClock
) -> None:
    """One of twenty fails; the record tells how many connections were open."""
    action = DisconnectRedis("cache", client, clock=clock)
    failover.happen()

    assert writes(client, action) == [ReadOnlyError] + [None] * 19
    (record,) = action.history()
    assert (record.before, record.after, record.outcome) == (4, 0, Outcome.CHANGED)


def test_connections_in_use_are_left_to_their_users(
    failover: Failover, client: Redis, clock: ManualClock
) -> None:
    """One that another thread has out goes on, whatever happens to the idle ones."""
    pool = client.connection_pool
    in_use: Any = pool.get_connection()

    record = DisconnectRedis("cache", pool, clock=clock).run()

    assert (record.before, record.after) == (3, 0)
    in_use.send_command("PING")
    assert in_use.read_response() in (b"PONG", "PONG")
    pool.release(in_use)


def test_a_replica_without_its_primary_is_left_too(
    failover: Failover, fresh_redis: RedisServer, client: Redis, clock: ManualClock
) -> None:
    """It answers nothing but MASTERDOWN, reads as well."""
    action = DisconnectRedis("cache", client, clock=clock)
    fresh_redis.follow_nobody_there()
    failover.address.lead_to(failover._new.port)

    with pytest.raises(MasterDownError) as caught:
        client.get("greeting")
    assert action.applies(caught.value)
    action.run()

    assert client.get("greeting") is None


def test_it_has_nothing_to_do_with_a_wrong_command(client: Redis, clock: ManualClock) -> None:
    """Nor when no connection is idle: another pool's failure is not helped by it."""
    action = DisconnectRedis("cache", client, clock=clock)

    with pytest.raises(ResponseError) as caught:
        client.incr("greeting", "none")  # type: ignore[arg-type]

    assert not action.applies(caught.value)
    assert action.applies(ReadOnlyError())
    action.run()
    assert not action.applies(ReadOnlyError())


def test_it_works_on_asyncio_pools(failover: Failover, clock: ManualClock) -> None:
    """The same in a loop: closed where they were opened."""

    async def scenario() -> None:
        once = AsyncRetry(NoBackoff(), 0)
        client = aioredis.Redis(port=failover.address.port, retry=once, socket_timeout=5.0)
        async with client:
            await client.set("greeting", "hello")
            await asyncio.to_thread(failover.happen)
            action = DisconnectRedis("cache", client, clock=clock)
            with pytest.raises(ReadOnlyError):
                await client.set("greeting", "again")

            record = await action.run_async()

            assert (record.before, record.after, record.outcome) == (1, 0, Outcome.CHANGED)
            assert await client.set("greeting", "again")

    asyncio.run(scenario())


def test_it_takes_a_client_or_a_pool() -> None:
    """Anything else is refused when it is given."""
    with pytest.raises(ConfigurationError, match="no connection pool"):
        DisconnectRedis("cache", "redis://localhost")
