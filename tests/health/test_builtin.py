"""Checks that ship, against real servers and this machine."""

import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
import sqlalchemy
import sqlalchemy.ext.asyncio

import resilience
from resilience import (
    ConfigurationError,
    System,
    disk_check,
    http_check,
    loop_lag_check,
    memory_check,
    redis_check,
    sql_check,
)
from resilience.health.report import CheckHealth
from resilience.telemetry.host import Disk, Memory
from tests.servers.postgres import PostgresServer
from tests.servers.process import free_port
from tests.servers.redis import RedisServer


def found(system: System, check: Any) -> CheckHealth:
    """Return what a check finds, run once by the background engine's hand."""
    system.health.check("it", check, timeout=5)
    system.tick()
    [health] = system.health.report().components["it"].checks
    system.health.remove("it")
    return health


class Upstream(BaseHTTPRequestHandler):
    """Answers `/<status>`, and says what was asked."""

    asked: list[tuple[str, str, str | None]]

    def do_GET(self) -> None:
        """Answer."""
        self.asked.append((self.command, self.path, self.headers.get("X-Probe")))
        self.send_response(int(self.path.split("?")[0].strip("/") or 200))
        self.send_header("Location", "/500")
        self.end_headers()

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self.do_GET()

    def log_message(self, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def upstream() -> Iterator[str]:
    """Give the address of a real HTTP server on the loopback interface."""
    Upstream.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("path", "status"),
    [("", "pass"), ("/204", "pass"), ("/302", "pass"), ("/404", "fail"), ("/503", "fail")],
)
def test_http_passes_by_status(system: System, upstream: str, path: str, status: str) -> None:
    """A redirect passes without being followed."""
    health = found(system, http_check(upstream + path))

    assert (health.status, health.output) == (status, f"answered {path.strip('/') or 200}")
    assert len(Upstream.asked) == 1


def test_http_asks_what_it_is_told_to(system: System, upstream: str) -> None:
    """Method, query, headers, and which statuses are right."""
    check = http_check(
        f"{upstream}/404?deep=1#top", method="HEAD", headers={"X-Probe": "yes"}, expect={404}
    )

    assert found(system, check).status == "pass"
    assert Upstream.asked == [("HEAD", "/404?deep=1", "yes")]


def test_http_to_nobody(system: System) -> None:
    """The error is the output."""
    health = found(system, http_check(f"http://127.0.0.1:{free_port()}/"))

    assert health.status == "fail"
    assert health.output is not None
    assert health.output.startswith("ConnectionRefusedError")


def test_https_is_verified(system: System, upstream: str) -> None:
    """A server that speaks no TLS is no HTTPS server."""
    health = found(system, http_check(upstream.replace("http:", "https:")))

    assert health.status == "fail"
    assert health.output is not None
    assert ssl.SSLError.__name__ in health.output


def test_http_gives_up_with_its_time_limit(upstream: str) -> None:
    """A server that accepts and never answers does not keep the thread."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        system = System()
        check = http_check(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        system.health.check("silent", check, interval=1, timeout=0.2)

        system.tick()

    [health] = system.health.report().components["silent"].checks
    assert (health.status, health.output) == ("fail", "no answer within 0.2 s")


@pytest.mark.parametrize(
    "url",
    ["", "localhost", "ftp://x/", "http://", "http://x:port/", "http://[::1/", 7, "http://x:0/"],
)
def test_http_refuses_what_is_no_url(url: Any) -> None:
    """At once, by name."""
    with pytest.raises(ConfigurationError, match="http_check: url="):
        http_check(url)


def test_http_refuses_other_nonsense() -> None:
    """Each by name."""
    with pytest.raises(ConfigurationError, match="http_check: expect=200"):
        http_check("http://x/", expect=200)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="http_check: method"):
        http_check("http://x/", method="")
    with pytest.raises(ConfigurationError, match="http_check: headers"):
        http_check("http://x/", headers=["X"])  # type: ignore[arg-type]


def test_redis_and_its_outage(system: System, fresh_redis: RedisServer) -> None:
    """A real server, gone and back."""
    with redis.Redis.from_url(fresh_redis.url, retry=None) as client:
        check = redis_check(client)

        assert found(system, check).status == "pass"
        with fresh_redis.stopped():
            health = found(system, check)
        assert health.status == "fail"
        assert health.output is not None
        assert "ConnectionError" in health.output
        assert found(system, check).status == "pass"


def test_an_async_redis_client(system: System, fresh_redis: RedisServer) -> None:
    """Its ping is awaited, which only what it returns tells."""

    async def ping() -> None:
        client = redis.asyncio.Redis.from_url(fresh_redis.url)
        try:
            assert await redis_check(client)()
        finally:
            await client.aclose()

    assert found(system, ping).status == "pass"


def test_sqlalchemy_and_its_outage(system: System, fresh_postgres: PostgresServer) -> None:
    """On a real PostgreSQL, through the app's pool."""
    engine = sqlalchemy.create_engine(fresh_postgres.url(driver="psycopg"))
    check = sql_check(engine)
    try:
        assert found(system, check).status == "pass"
        assert found(system, sql_check(engine, "SELECT no_such_thing")).status == "fail"
        with fresh_postgres.stopped():
            health = found(system, check)
        assert health.status == "fail"
        assert health.output is not None
        assert "OperationalError" in health.output
        engine.dispose()
        assert found(system, check).status == "pass"
    finally:
        engine.dispose()


def test_an_exhausted_pool_is_a_failure(system: System, tmp_path: Path) -> None:
    """The app cannot get a connection either."""
    engine = sqlalchemy.create_engine(
        f"sqlite:///{tmp_path / 'db'}",
        poolclass=sqlalchemy.pool.QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=0.01,
    )
    try:
        with engine.connect():
            health = found(system, sql_check(engine))
        assert health.status == "fail"
        assert health.output is not None
        assert health.output.startswith("TimeoutError: QueuePool limit")
        assert found(system, sql_check(engine)).status == "pass"
    finally:
        engine.dispose()


def test_an_async_engine(system: System, fresh_postgres: PostgresServer) -> None:
    """Awaited on whatever loop there is."""
    url = fresh_postgres.url(driver="psycopg_async")

    async def through_an_engine() -> None:
        engine = sqlalchemy.ext.asyncio.create_async_engine(url)
        try:
            await sql_check(engine)()
        finally:
            await engine.dispose()

    assert found(system, through_an_engine).status == "pass"


DJANGO = """
import json, sys, time
import django
from django.conf import settings
from django.db import connections

settings.configure(DATABASES={"default": json.loads(sys.argv[1])})
django.setup()

from resilience import System, sql_check

system = System()
system.health.check("default", sql_check("default"), interval=60, timeout=30)
with system:
    found = {system.health.verify("default") for _ in range(20)}
    with connections["default"].cursor() as cursor:
        until = time.monotonic() + 20
        left = 1
        while left and time.monotonic() < until:  # a backend ends soon after its client left
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE state IS NOT NULL"
                           " AND datname = current_database() AND pid <> pg_backend_pid()")
            left = cursor.fetchone()[0]
connections.close_all()
print(json.dumps([sorted(found), left]))
"""


def test_django_leaves_no_connections(fresh_postgres: PostgresServer) -> None:
    """Each run has a thread, and Django a connection for each thread, which somebody must close."""
    with fresh_postgres.database("checked") as name:
        ran = subprocess.run(
            [sys.executable, "-W", "error", "-c", DJANGO, json.dumps(fresh_postgres.django(name))],
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    assert (ran.stdout.strip(), ran.stderr) == ("[[true], 0]", "")


def test_django_that_is_not_there(monkeypatch: pytest.MonkeyPatch, system: System) -> None:
    """The check fails and says why."""
    monkeypatch.delitem(sys.modules, "django.db", raising=False)

    health = found(system, sql_check("default"))

    assert (health.status, health.output) == ("fail", "Django is not loaded in this process")


@pytest.mark.parametrize("target", [None, 7, object(), "", print])
def test_sql_refuses_what_is_no_database(target: Any) -> None:
    """At once, by name."""
    with pytest.raises(ConfigurationError, match="sql_check"):
        sql_check(target)


def test_redis_refuses_what_is_no_client() -> None:
    """At once, by name."""
    with pytest.raises(ConfigurationError, match=r"redis_check\('redis://x'\)"):
        redis_check("redis://x")


@pytest.mark.parametrize(
    ("used", "status"),
    [(0.1, "pass"), (0.84, "pass"), (0.85, "warn"), (0.95, "fail"), (0.99, "fail")],
)
def test_shares_in_use(
    system: System, monkeypatch: pytest.MonkeyPatch, used: float, status: str
) -> None:
    """Of disk and memory: from 85 % a warning, from 95 % a failure."""
    gib = 2**30
    monkeypatch.setattr(
        system.host, "disk", lambda path: Disk(100 * gib, round(100 * (1 - used)) * gib)
    )
    monkeypatch.setattr(
        system.host, "memory", lambda: Memory(512 * 2**20, round(used * 100) * gib, 100 * gib)
    )

    disk = found(system, disk_check("/srv"))
    memory = found(system, memory_check())

    assert (disk.status, memory.status) == (status, status)
    assert (disk.observed_unit, memory.observed_unit) == ("percent", "percent")
    assert disk.observed_value == memory.observed_value == pytest.approx(100 * used)
    assert disk.output == f"{100 * (1 - used):.1f} GiB free of 100.0 GiB"
    assert memory.output == f"{100 * used:.1f} GiB of 100.0 GiB, 512 MiB by this process"


@pytest.mark.parametrize(
    ("lag", "status"), [(None, "pass"), (0.0, "pass"), (0.1, "warn"), (0.99, "warn"), (1.0, "fail")]
)
def test_loop_lag(
    system: System, monkeypatch: pytest.MonkeyPatch, lag: float | None, status: str
) -> None:
    """From a tenth of a second a warning, from one a failure; without a loop nothing is late."""
    monkeypatch.setattr(system.host, "loop_lag", lambda: lag)

    health = found(system, loop_lag_check())

    assert health.status == status
    expected: Any = (None, None) if lag is None else (lag, "s")
    if lag is not None:
        assert (health.observed_value, health.observed_unit) == expected
    else:
        assert health.output == "no event loop drives this process"


def test_this_machine(system: System) -> None:
    """Real readings of real things."""
    assert found(system, disk_check(fail_at=1.0)).status in ("pass", "warn")
    assert found(system, memory_check(fail_at=1.0)).status in ("pass", "warn")
    assert found(system, disk_check("/no/such/place")).status == "fail"


@pytest.mark.parametrize("check", [disk_check, memory_check, loop_lag_check])
@pytest.mark.parametrize(
    "limits", [(0.9, 0.8), (0.5, 0.5), (-0.1, 0.5), (0.1, float("nan")), ("x", 1), (0.1, None)]
)
def test_limits_that_cannot_be(check: Any, limits: tuple[Any, Any]) -> None:
    """Out of order, or out of range."""
    with pytest.raises(ConfigurationError, match=check.__name__):
        check(warn_at=limits[0], fail_at=limits[1])


def test_a_check_that_ships_can_be_tried_out(upstream: str) -> None:
    """Without any system."""
    assert http_check(upstream)().status == "pass"
    assert memory_check(fail_at=1.0)().status in ("pass", "warn")


def test_they_leave_by_the_front_door() -> None:
    """As public names."""
    for name in ("http_check", "sql_check", "redis_check", "CheckResult", "HealthSettings"):
        assert name in resilience.__all__
