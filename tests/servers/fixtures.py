"""Fixtures of real servers: started when the first test asks, ended with the session.

The tests of a session share them. One that stops or changes a server asks for `fresh_redis` or
`fresh_postgres`, or does it in a `with server.stopped():`.
"""

from collections.abc import Iterator

import pytest

from tests.servers import postgres, redis
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """Give a running Redis; skip where none is installed."""
    if not RedisServer.is_installed():
        pytest.skip(redis.MISSING)
    server = RedisServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Give a running PostgreSQL; skip where none is installed."""
    if not PostgresServer.is_installed():
        pytest.skip(postgres.MISSING)
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def fresh_redis(redis_server: RedisServer) -> Iterator[RedisServer]:
    """Give the Redis as a primary without keys; whatever is done to it is undone."""
    redis_server.clear()
    yield redis_server
    redis_server.clear()


@pytest.fixture
def fresh_postgres(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """Give the PostgreSQL with no client connected; whatever is done to it is undone."""
    postgres_server.clear()
    yield postgres_server
    postgres_server.clear()
