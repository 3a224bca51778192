"""The servers that other tests lean on do what those tests say they do."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MasterDownError, ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from tests.servers.postgres import PostgresServer
from tests.servers.process import PATIENCE, ServerFailedError
from tests.servers.redis import RedisServer, running_redis


def test_redis_keeps_its_port_and_loses_its_keys_in_a_crash(fresh_redis: RedisServer) -> None:
    """Another process on the same address, with nothing in it."""
    fresh_redis.tell("SET", "greeting", "hello")
    before = (fresh_redis.pid, fresh_redis.url)

    fresh_redis.restart_empty()

    assert fresh_redis.tell("GET", "greeting") is None
    assert (fresh_redis.pid != before[0], fresh_redis.url) == (True, before[1])


def test_a_stopped_redis_refuses_and_comes_back(fresh_redis: RedisServer) -> None:
    """For a block, however it is left."""
    with fresh_redis.stopped(), pytest.raises(RedisConnectionError):
        fresh_redis.tell("PING")

    assert fresh_redis.tell("PING") is True


def test_a_frozen_redis_is_silent(fresh_redis: RedisServer) -> None:
    """The connection is accepted, and no answer comes."""
    with (
        Redis(port=fresh_redis.port, socket_timeout=0.1, retry=Retry(NoBackoff(), 0)) as client,
        fresh_redis.frozen(),
        pytest.raises(RedisTimeoutError),
    ):
        client.ping()

    assert fresh_redis.tell("PING") is True


def test_a_replica_refuses_writes_and_one_without_primary_reads_too(
    fresh_redis: RedisServer,
) -> None:
    """As the old primary does after a failover."""
    with running_redis() as primary:
        primary.tell("SET", "greeting", "from the primary")
        fresh_redis.follow(primary)
        assert fresh_redis.tell("GET", "greeting") == "from the primary"
        with pytest.raises(ReadOnlyError):
            fresh_redis.tell("SET", "greeting", "mine")

    fresh_redis.follow_nobody_there()
    with pytest.raises(MasterDownError):
        fresh_redis.tell("GET", "greeting")

    fresh_redis.promote()
    assert fresh_redis.tell("SET", "greeting", "mine") is True


def test_postgres_cuts_its_clients_off(fresh_postgres: PostgresServer) -> None:
    """All of them, or those of one database; what asks is spared."""
    with fresh_postgres.database("elsewhere") as name:
        there, here = (
            psycopg.connect(fresh_postgres.url(name)),
            psycopg.connect(fresh_postgres.url()),
        )
        assert (fresh_postgres.connections(), fresh_postgres.connections(name)) == (2, 1)

        assert fresh_postgres.cut_connections(name) == 1

        with pytest.raises(psycopg.OperationalError):
            there.execute("SELECT 1")
        assert here.execute("SELECT 1").fetchone() == (1,)
        assert fresh_postgres.connections() == 1
        there.close()
        here.close()


def test_postgres_keeps_what_it_was_told_over_a_restart(fresh_postgres: PostgresServer) -> None:
    """Stopped in order, or by a crash."""
    with fresh_postgres.database("kept") as name:
        fresh_postgres.ask("CREATE TABLE teas (name text)", database=name)
        fresh_postgres.ask("INSERT INTO teas VALUES (%s)", "assam", database=name)

        fresh_postgres.restart()
        fresh_postgres.ask("CHECKPOINT")
        fresh_postgres.kill()
        fresh_postgres.start()

        assert fresh_postgres.ask("SELECT * FROM teas", database=name) == [("assam",)]


def test_a_server_that_ends_by_itself_shows_its_last_words() -> None:
    """Instead of a wait for 30 s."""
    if not RedisServer.is_installed():
        pytest.skip("redis-server is not installed")
    server = RedisServer("--no-such-option", "1")
    try:
        with pytest.raises(ServerFailedError, match="no-such-option"):
            server.start()
    finally:
        server.close()
    assert not server.directory.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for a signal at its parent's death")
@pytest.mark.parametrize("kind", ["redis.RedisServer", "postgres.PostgresServer"])
def test_servers_end_with_tests_that_are_killed(kind: str) -> None:
    """No fixture runs its last line then; the kernel sends the signal."""
    module, _, name = kind.partition(".")
    code = (
        f"from tests.servers.{module} import {name} as S; import sys; s = S(); "
        "s.is_installed() or sys.exit('not installed'); s.start(); "
        "print(s.pid, s.directory, flush=True); input()"
    )
    ran = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert ran.stdout is not None
    said = ran.stdout.readline().split()
    ran.kill()
    ran.communicate()
    if not said:
        pytest.skip(f"no server for {kind}")

    end = time.monotonic() + PATIENCE
    while _runs(int(said[0])) and time.monotonic() < end:
        time.sleep(0.02)

    assert not _runs(int(said[0]))
    subprocess.run(["rm", "-rf", said[1]], check=True)


def _runs(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        # One that has ended and is not yet buried is not there any more.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_frozen_server_can_be_stopped(fresh_redis: RedisServer) -> None:
    """SIGTERM alone would wait for it for ever."""
    fresh_redis.freeze()
    pid = fresh_redis.pid
    assert pid is not None

    fresh_redis.stop()

    assert (fresh_redis.pid, _runs(pid)) == (None, False)
    assert signal.SIGTERM is RedisServer.farewell
