"""Every backend keeps the contract."""

import json
from collections.abc import Iterator
from functools import partial

import pytest

from resilience.fleet.local import LocalBackend
from resilience.fleet.redis import RedisBackend
from resilience.testing import FakeFleet, FleetContract, ManualClock, Workers
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


def _let_pass(server: RedisServer, seconds: float) -> None:
    """Make all that a Redis keeps older, except for the signs of life."""
    key = "{test}:fleet:circuits"
    for name in server.tell("HKEYS", key):
        record = json.loads(server.tell("HGET", key, name))
        record["since"] -= seconds
        record["until"] -= seconds
        shift = int(seconds)  # buckets of RULES are a second wide
        record["buckets"] = {str(int(n) - shift): each for n, each in record["buckets"].items()}
        record["failing"] = {worker: at - seconds for worker, at in record["failing"].items()}
        record["trials"] = {
            place: [worker, ends - seconds, begun]
            for place, (worker, ends, begun) in record["trials"].items()
        }
        server.tell("HSET", key, name, json.dumps(record))
