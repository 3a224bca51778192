"""Orders and leases of real processes on a real Redis, and what may happen to either."""

import pytest

from tests.fleet.members import Crew, crew
from tests.servers.redis import RedisServer


@pytest.mark.parametrize("fault", ["freeze", "kill"])
def test_an_order_while_redis_is_gone(fresh_redis: RedisServer, fault: str) -> None:
    """It holds where it was given, which is said; and everywhere when the store is back."""
    with crew(fresh_redis.url, 3) as workers:
        workers.meet()
        getattr(fresh_redis, fault)()
        workers[1].ask("order", "force_open")
        assert "only this worker has it" in workers[1].ask("confirm")
        assert workers.all("state") == ["closed", "forced_open", "closed"]

        fresh_redis.thaw()
        fresh_redis.start()
        workers.agree("forced_open")
        workers.until(lambda: workers[0].ask("confirm") == "3 of 3")
        workers[2].ask("order", "release")
        workers.agree("closed")


def test_what_was_ordered_outlives_an_emptied_redis(fresh_redis: RedisServer) -> None:
    """Also that it was taken back; a lease as well."""
    with crew(fresh_redis.url, 3) as workers:
        workers.meet()
        token = workers[0].ask("claim", "heal db", 15.0)
        workers[0].ask("order", "force_open")
        workers.agree("forced_open")

        fresh_redis.restart_empty()
        workers.meet()

        with crew(fresh_redis.url, 1) as late:
            late.agree("forced_open")
            workers[1].ask("order", "release")
            workers.until(lambda: workers[1].ask("confirm") == "4 of 4")
            assert set(workers.all("state") + late.all("state")) == {"closed"}
        assert workers[0].ask("holds")
        assert workers[1].ask("claim", "heal db", 15.0) == 0
        assert workers[1].ask("claim", "heal cache", 15.0) > token


def test_two_workers_that_order_at_once_agree(fresh_redis: RedisServer) -> None:
    """On one of both, each time, and nobody goes back and forth."""
    with crew(fresh_redis.url, 4) as workers:
        workers.meet()
        for _ in range(10):
            workers[0].send("order", "force_open")
            workers[1].send("order", "disable")
            workers[0].answer(), workers[1].answer()
            assert workers.all("confirm") == ["4 of 4"] * 4
            states = set(workers.all("state"))
            assert len(states) == 1
        told = len(workers[3].ask("told", "fleet_changed"))
        _quiet(workers)
        assert len(workers[3].ask("told", "fleet_changed")) == told


def _quiet(workers: Crew) -> None:
    """Let each exchange once more."""
    for each in workers:
        each.ask("confirm")
