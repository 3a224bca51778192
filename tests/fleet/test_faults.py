"""What happens to some of a fleet's workers only, or to very many at once; all are processes."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.members import Crew, crew
from tests.servers.apps import Clients, eventually, serving
from tests.servers.forwarder import forwarding
from tests.servers.redis import RedisServer

LONG: dict[str, Any] = {"reset_timeout": 60.0}


def meet(*crews: Crew) -> None:
    """Wait until each of several crews knows of all workers."""
    size = sum(len(each) for each in crews)
    for one in crews:
        one.meet(size)


def break_it(workers: Crew) -> None:
    """Let two workers see enough failures for all."""
    for each in workers[:2]:
        each.ask("call", 5, ok=False)


# -- cut off --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cut", "fall_silent"])
def test_workers_that_are_cut_off_go_on_alone_and_catch_up(
    fresh_redis: RedisServer, how: str
) -> None:
    """The others decide without them; none of their calls fails or waits."""
    with (
        forwarding(fresh_redis.port) as road,
        crew(fresh_redis.url, 2, **LONG) as near,
        crew(f"redis://127.0.0.1:{road.port}/0", 2, **LONG) as far,
    ):
        meet(near, far)
        getattr(road, how)()
        far.until(lambda: not any(each["online"] for each in far.all("fleet")))

        break_it(near)

        near.agree("open")
        assert far.all("call", 100) == [100, 100]
        assert max(far.all("slowest_call")) < 1.0
        road.mend()
        far.agree("open")
        near.agree("open")


def test_what_cut_off_workers_learnt_the_others_hear(fresh_redis: RedisServer) -> None:
    """They opened by their own rules; with the store they open all."""
    with (
        forwarding(fresh_redis.port) as road,
        crew(fresh_redis.url, 2, **LONG) as near,
        crew(f"redis://127.0.0.1:{road.port}/0", 2, **LONG) as far,
    ):
        meet(near, far)
        road.cut()
        far.until(lambda: not any(each["online"] for each in far.all("fleet")))
        break_it(far)
        assert (set(far.all("state")), set(near.all("state"))) == ({"open"}, {"closed"})

        road.mend()

        near.agree("open")


# -- killed, and with a wrong clock ---------------------------------------------------------------


def test_a_lease_of_a_worker_that_is_killed_is_given_to_another(fresh_redis: RedisServer) -> None:
    """When its time is up, with a higher token, by which late deeds of the dead are known."""
    with crew(fresh_redis.url, 2) as workers:
        workers.meet()
        victim, heir = workers
        first = victim.ask("claim", "recover payments", 3.0)
        assert first > 0
        assert heir.ask("claim", "keep the cache", 3.0) > 0
        assert heir.ask("claim", "recover payments") == 0
        victim.kill()
        workers.remove(victim)

        tokens: list[int] = []

        def inherited() -> bool:
            tokens.append(heir.ask("claim", "recover payments"))
            return tokens[-1] > 0

        workers.until(inherited)

        assert tokens[-1] > first
        assert heir.ask("claim", "keep the cache") == 0, "its own is renewed"


def test_clocks_that_are_half_a_minute_wrong_change_nothing(fresh_redis: RedisServer) -> None:
    """One ahead, one behind: they open, wait and close with the others."""
    timing: dict[str, Any] = {"reset_timeout": 1.0, "reset_timeout_multiplier": 1.0}
    with (
        crew(fresh_redis.url, 2, **timing) as right,
        crew(fresh_redis.url, 1, ahead=30.0, **timing) as fast,
        crew(fresh_redis.url, 1, ahead=-30.0, **timing) as slow,
    ):
        assert fast[0].ask("wall_clock") - slow[0].ask("wall_clock") > 50
        meet(right, fast, slow)
        fast[0].ask("call", 5, ok=False)
        slow[0].ask("call", 5, ok=False)
        for each in (right, fast, slow):
            each.agree("open")
        opened = time.monotonic()
        assert all(w.ask("retry_after") <= 1.1 for w in (*right, *fast, *slow))

        while {*right.all("state"), *fast.all("state"), *slow.all("state")} != {"closed"}:
            for each in (*right, *fast, *slow):
                each.ask("call", 1)
            assert time.monotonic() - opened < 20


# -- very many ------------------------------------------------------------------------------------


def test_fifty_workers_that_trip_at_once_notify_once(fresh_redis: RedisServer) -> None:
    """None of them has seen enough to open alone; all together have."""
    with crew(fresh_redis.url, 50, failure_threshold=60, **LONG) as workers:
        workers.meet()

        workers.all("call", 2, ok=False)

        workers.agree("open")
        told = [each for one in workers.all("told", "circuit_opened") for each in one]
        assert [data["scope"] for _, _, data in told] == ["fleet"]
        assert told[0][2]["failures"] >= 60


# -- fork and reload ------------------------------------------------------------------------------


def test_workers_that_are_reloaded_under_load_join_and_know(
    fresh_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four of gunicorn's, forked from a loaded app: no call fails, and what is open stays so."""
    monkeypatch.setenv("RESILIENCE__FLEET__URL", fresh_redis.url)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    options = ["--preload", "--workers", "4", "--threads", "2", "--graceful-timeout", "10"]
    with serving("gunicorn", "tests.fleet.served:app", *options) as server:
        assert eventually(lambda: server.get("/workers")[1] == "4")
        while server.get("/state")[1] != "open":
            server.get("/break")
        before = set(server.workers())
        with Clients(server.port, "/", 4) as clients:
            assert eventually(lambda: bool(clients.pids))
            server.reload()
            assert eventually(lambda: not before & set(server.workers()))
            assert eventually(lambda: bool(clients.pids.keys() - before))
        assert clients.pids.keys() & before
        assert clients.failures == []

        assert eventually(lambda: server.get("/workers")[1] == "4")
        assert {server.get("/state")[1] for _ in range(20)} == {"open"}
        assert fresh_redis.tell("ZCARD", "{resilience}:fleet:workers") == 4
