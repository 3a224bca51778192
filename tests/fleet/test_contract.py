"""Every backend keeps the contract."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from resilience.fleet.local import LocalBackend
from resilience.fleet.redis import RedisBackend
from resilience.fleet.sql import SQLBackend
from resilience.testing import FakeFleet, FleetContract, ManualClock, Workers
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer


def _on(store: LocalBackend, clock: ManualClock) -> Workers:
    """Return workers on a store in memory; those that were heard of stay alive."""

    def pass_time(seconds: float) -> None:
        clock.advance(seconds)
        for worker in store.ledger.workers:
            store.ledger.workers[worker] = clock.monotonic()

    return Workers(store, pass_time)


class TestLocal(FleetContract):
    """One process."""

    @pytest.fixture
    def fleet(self) -> Workers:
        """Give workers on a new store."""
        clock = ManualClock(start=1000.0)
        return _on(LocalBackend(clock), clock)


class TestFake(FleetContract):
    """What tests use."""

    @pytest.fixture
    def fleet(self) -> Workers:
        """Give workers on a new store."""
        clock = ManualClock(start=1000.0)
        return _on(FakeFleet(clock), clock)


class TestRedis(FleetContract):
    """A real server."""

    @pytest.fixture
    def fleet(self, fresh_redis: RedisServer) -> Iterator[Workers]:
        """Give workers on an empty server."""
        backend = RedisBackend(fresh_redis.url, "test", 5.0)
        yield Workers(backend, partial(_let_pass, fresh_redis))
        backend.close()


class TestSQLite(FleetContract):
    """A file."""

    @pytest.fixture
    def fleet(self, tmp_path: Path) -> Iterator[Workers]:
        """Give workers on a new file."""
        backend = SQLBackend(f"sqlite:///{tmp_path}/fleet.db", "test", 5.0)
        yield Workers(backend, partial(_let_pass_in_sql, backend))
        backend.close()


class TestPostgreSQL(FleetContract):
    """A real server."""

    @pytest.fixture
    def fleet(self, postgres_server: PostgresServer) -> Iterator[Workers]:
        """Give workers on a new database."""
        with postgres_server.database("fleet") as name:
            backend = SQLBackend(postgres_server.url(name), "test", 5.0)
            yield Workers(backend, partial(_let_pass_in_sql, backend))
            backend.close()


def _let_pass_in_sql(backend: SQLBackend, seconds: float) -> None:
    """Make all circuits that a table keeps older."""
    with backend._database.alone() as session:
        query = "SELECT name, value FROM resilience_fleet WHERE section = 'test:records'"
        for name, value in session.ask(query, {}):
            older = json.dumps(_older(json.loads(value), seconds))
            session.do(
                "UPDATE resilience_fleet SET value = :value "
                "WHERE section = 'test:records' AND name = :name",
                [{"name": name, "value": older}],
            )


def _let_pass(server: RedisServer, seconds: float) -> None:
    """Make all that a Redis keeps older, except for the signs of life."""
    key = "{test}:fleet:circuits"
    for name in server.tell("HKEYS", key):
        record = json.loads(server.tell("HGET", key, name))
        server.tell("HSET", key, name, json.dumps(_older(record, seconds)))


def _older(record: dict[str, Any], seconds: float) -> dict[str, Any]:
    shift = int(seconds)  # buckets of RULES are a second wide
    return {
        **record,
        "since": record["since"] - seconds,
        "until": record["until"] - seconds,
        "buckets": {str(int(n) - shift): each for n, each in record["buckets"].items()},
        "failing": {worker: at - seconds for worker, at in record["failing"].items()},
        "trials": {
            place: [worker, ends - seconds, begun]
            for place, (worker, ends, begun) in record["trials"].items()
        },
    }
