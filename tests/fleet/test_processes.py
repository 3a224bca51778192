"""Workers in processes of their own, real stores, and what may happen to either."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from resilience import StoreUnavailableError, System
from resilience.fleet.base import Claim, Letter
from resilience.fleet.redis import RedisBackend
from tests.fleet.members import Crew, Process, crew
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer, running_redis

LONG: dict[str, Any] = {"reset_timeout": 60.0}


def outages(workers: Crew) -> list[list[bool]]:
    """Return what each worker told of the store: False when it was gone, True when it was back."""
    told = workers.all("told", "fleet_changed")
    return [[data["online"] for _, name, data in each if name == "fleet"] for each in told]


def break_it(workers: Crew) -> None:
    """Let two workers see enough failures for all."""
    workers[0].ask("call", 5, ok=False)
    workers[1].ask("call", 5, ok=False)


@pytest.fixture(params=["redis", "sqlite", "postgresql"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Give the address of an empty store of each kind in turn, which may be slow to answer."""
    monkeypatch.setenv("PATIENT", "5.0")  # a busy machine is no outage
    if request.param == "redis":
        yield request.getfixturevalue("fresh_redis").url
    elif request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/fleet.db"
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        with server.database("fleet_of_processes") as name:
            yield server.url(name)


def test_all_workers_open_try_and_close_together(store: str) -> None:
    """With one event each, and fewer trials than four that know nothing of each other.

    How many exactly is tried on a manual clock: here a busy machine may let a place expire.
    """
    with crew(store, 4) as workers:
        workers.meet()
        break_it(workers)
        workers.agree("open")

        trials = 0
        while set(workers.all("state")) != {"closed"}:
            trials += sum(workers.all("try_once"))

        assert 2 <= trials < 2 * len(workers)
        for kind in ("circuit_opened", "circuit_half_opened", "circuit_closed"):
            told = [each for each in workers.all("told", kind) if each]
            assert [len(each) for each in told] == [1], kind
        assert max(workers.all("slowest_call")) < 1.0


def test_a_worker_that_is_killed_holds_up_nobody(store: str) -> None:
    """It holds the only place for a trial, with a trial under way."""
    with crew(store, 3, half_open_calls=1, success_threshold=1) as workers:
        workers.meet()
        break_it(workers)
        workers.agree("open")
        victim = workers[0]
        workers.until(lambda: bool(victim.ask("begin")))
        victim.kill()
        workers.remove(victim)

        workers.until(lambda: sum(workers.all("call", 1)) > 0)

        workers.agree("closed")


def test_eight_workers_find_a_new_file_at_once(tmp_path: Path) -> None:
    """None is refused, and one is killed in the middle of it; the rest agree."""
    url = f"sqlite:///{tmp_path}/fleet.db"
    with crew(url, 8, **LONG) as workers:
        workers.meet()
        victim = workers.pop()
        victim.kill()
        workers.meet()
        break_it(workers)
        workers.agree("open")
        assert max(workers.all("slowest_call")) < 1.0


def test_a_file_that_is_removed_is_made_anew(tmp_path: Path) -> None:
    """The workers tell it again what they know."""
    path = tmp_path / "fleet.db"
    with crew(f"sqlite:///{path}", 3, **LONG) as workers:
        workers.meet()
        break_it(workers)
        workers.agree("open")
        for each in tmp_path.iterdir():
            each.unlink()

        workers.until(path.exists)
        workers.meet()
        with crew(f"sqlite:///{path}", 1, **LONG) as late:
            late.agree("open")
        workers.agree("open")


def test_a_file_that_somebody_holds_holds_up_no_call(tmp_path: Path) -> None:
    """The store counts as gone meanwhile."""
    path = tmp_path / "fleet.db"
    with crew(f"sqlite:///{path}", 2, **LONG) as workers:
        workers.meet()
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            workers.until(lambda: not any(each["online"] for each in workers.all("fleet")))
            assert workers.all("call", 500) == [500] * 2
            assert max(workers.all("slowest_call")) < 1.0
            holder.execute("ROLLBACK")

        workers.until(lambda: all(each["online"] for each in workers.all("fleet")))


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_calls_go_on_while_redis_is_gone(fresh_redis: RedisServer, fault: str) -> None:
    """None waits, none fails; afterwards all agree again."""
    with crew(fresh_redis.url, 4, **LONG) as workers:
        workers.meet()
        getattr(fresh_redis, fault)()
        workers.until(lambda: not any(each["online"] for each in workers.all("fleet")))
        assert workers.all("call", 500, "other") == [500] * 4
        assert max(workers.all("slowest_call")) < 1.0

        fresh_redis.thaw()
        fresh_redis.start()
        workers.meet()
        break_it(workers)

        workers.agree("open")
        # A circuit opens by the reply that is told of a moment later.
        workers.until(lambda: all(news[-1:] == [True] for news in outages(workers)))
        assert outages(workers) == [[False, True]] * 4


@pytest.mark.parametrize("fault", ["flush", "restart_empty"])
def test_a_redis_that_forgets_is_told_again(fresh_redis: RedisServer, fault: str) -> None:
    """Nobody closes by it, and a worker that comes later knows."""
    with crew(fresh_redis.url, 3, **LONG) as workers:
        workers.meet()
        break_it(workers)
        workers.agree("open")

        if fault == "flush":
            fresh_redis.tell("FLUSHALL")
            fresh_redis.tell("SCRIPT", "FLUSH")
        else:
            fresh_redis.restart_empty()

        workers.until(lambda: bool(fresh_redis.tell("HEXISTS", "{test}:fleet:circuits", "it")))
        workers.agree("open")
        with crew(fresh_redis.url, 1, **LONG) as late:
            late.agree("open")


def test_an_older_store_that_takes_over_is_told_what_it_missed() -> None:
    """It knows the circuit as closed; the workers know better."""
    with running_redis() as redis, crew(redis.url, 3, **LONG) as workers:
        workers.meet()
        workers.all("call", 1)
        redis.tell("SAVE")
        break_it(workers)
        workers.agree("open")

        redis.restart_empty()  # it loads what it saved

        workers.until(lambda: all(each["online"] for each in workers.all("fleet")))
        with crew(redis.url, 1, **LONG) as late:
            late.agree("open")
        workers.agree("open")


def test_a_thousand_circuits_by_key_open_in_all_workers(fresh_redis: RedisServer) -> None:
    """Each by the failures of two workers."""
    with crew(fresh_redis.url, 3, **LONG) as workers:
        workers.meet()
        for each in workers[:2]:
            each.ask("call_many", 1000, 5, ok=False)

        workers.until(lambda: workers[2].ask("open", 1000) == 1000)
        assert workers[2].ask("call_many", 1000, 1) == 0


def test_a_store_that_is_not_there_yet_is_joined_later(fresh_redis: RedisServer) -> None:
    """It runs on its own meanwhile, and says why."""
    fresh_redis.stop()
    with crew(fresh_redis.url, 2) as workers:
        assert all("does not answer" in each["error"] for each in workers.all("fleet"))
        assert workers.all("call", 10) == [10, 10]

        fresh_redis.start()

        workers.meet()


@pytest.mark.parametrize("who", ["", "user:wrong@", ":wrong@"])
def test_a_wrong_password_is_refused_by_name(who: str) -> None:
    """At the start, without showing it."""
    with running_redis() as server:
        server.tell("CONFIG", "SET", "requirepass", "right")
        said = refused(f"redis://{who}127.0.0.1:{server.port}/0")

        assert f"redis://127.0.0.1:{server.port}/0 refuses user or password" in said
        assert "wrong" not in said
        assert refused(f"redis://:right@127.0.0.1:{server.port}/0") == ""


def test_a_right_that_is_taken_away_and_given_back_is_an_outage() -> None:
    """It was right once: what was changed in the server is put right there, without a restart."""
    with running_redis() as server, System({"fleet": {"url": server.url}}) as system:
        system.fleet.exchange()
        assert system.fleet.snapshot().online

        server.tell("ACL", "SETUSER", "default", "-evalsha", "-eval")
        system.fleet.exchange()
        assert not system.fleet.snapshot().online

        server.tell("ACL", "SETUSER", "default", "+evalsha", "+eval")
        system.fleet.exchange()
        assert system.fleet.snapshot().online


SAID = '{"era": "a", "seen": 1, "workers": 1, "behind": false, "orders": {}, "roll": {}, '


@pytest.mark.parametrize(
    "said",
    [
        "[]",
        "[" * 100_000,
        SAID + '"leases": {}, "verdicts": {}}',
        SAID + '"leases": [1], "verdicts": ["it"]}',
        SAID + '"leases": [1e400], "verdicts": {}}',
    ],
    ids=["a list", "deep", "no answer to the claim", "no verdict", "infinite"],
)
def test_an_answer_that_is_not_ours_is_none(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is, the worker goes on alone, and a lease is not given."""
    backend = RedisBackend("redis://127.0.0.1:1/0", "test", 0.25)
    monkeypatch.setattr(backend, "_script", lambda: lambda keys, args: said)

    with pytest.raises(StoreUnavailableError, match="answers nonsense"):
        backend.exchange(Letter("a", claims=(Claim("import"),)))


def test_a_redis_without_scripts_is_refused_by_name() -> None:
    """It has no EVALSHA, as some proxies have none."""
    with running_redis("--rename-command", "EVALSHA", "NOTHING") as server:
        assert "can run no scripts (EVALSHA)" in refused(server.url)


def refused(url: str) -> str:
    """Return what a worker says that is started with this store."""
    process = Process(url, "test", {})
    try:
        said: str = process.ask("start")
        return said
    finally:
        process.close()


def test_a_worker_that_stops_says_so(fresh_redis: RedisServer) -> None:
    """The others count it no more, at once."""
    with crew(fresh_redis.url, 2) as workers:
        workers.meet()
        gone = workers.pop()
        gone.ask("stop")

        assert fresh_redis.tell("ZCARD", "{test}:fleet:workers") == 1
        workers.meet()
        gone.close()
