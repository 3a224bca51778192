"""Checks of what an app depends on: HTTP services, databases, Redis."""

from __future__ import annotations

import sys
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from resilience.core.checks import mapping, text
from resilience.errors import ConfigurationError
from resilience.health.builtin import BuiltIn
from resilience.health.results import CheckResult, Status
from resilience.telemetry.host import Host

FINE = range(200, 400)
"""HTTP statuses that pass by default."""


def http_check(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    expect: Container[int] = FINE,
) -> BuiltIn:
    """Return a check that asks for a URL, on a new connection, without following redirects.

    Args:
        url: `http://…` or `https://…`; what it says of user and password is not sent.
        method: such as "GET" or "HEAD".
        headers: `{name: value}`.
        expect: the statuses that pass; default: 200 to 399.

    Raises:
        ConfigurationError: that is no URL, or a value is out of range.
    """
    if not hasattr(expect, "__contains__"):
        raise ConfigurationError(
            f"http_check: expect={expect!r}: give statuses, such as range(200, 300) or {{200}}"
        )
    named = dict(mapping("http_check: headers", headers or {}))
    return _Http(_url(url), text("http_check: method", method), named, expect)


@dataclass(frozen=True)
class _Http(BuiltIn):
    url: SplitResult
    method: str
    headers: Mapping[str, str]
    expect: Container[int]

    def look(self, limit: float, host: Host) -> CheckResult:
        """Pass if the answer's status is expected; bodies are not read."""
        from http.client import HTTPConnection, HTTPSConnection  # who checks this way loads it

        secure = self.url.scheme == "https"
        kind = HTTPSConnection if secure else HTTPConnection
        connection = kind(self.url.hostname or "", self.url.port, timeout=limit)
        target = (self.url.path or "/") + (f"?{self.url.query}" if self.url.query else "")
        try:
            connection.request(self.method, target, headers={**_ASKING, **self.headers})
            status = connection.getresponse().status
        finally:
            connection.close()
        fine = status in self.expect
        return CheckResult(Status.PASS if fine else Status.FAIL, f"answered {status}")


_ASKING = {"User-Agent": "resilience", "Connection": "close"}


def _url(url: Any) -> SplitResult:
    try:
        parts = urlsplit(text("http_check: url", url, longest=2000))
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    except ValueError:  # a port that is no number, a broken IPv6 address
        pass
    raise ConfigurationError(f"http_check: url={url!r}: give http://host/path or https://…")


def sql_check(target: Any, statement: str = "SELECT 1") -> BuiltIn:
    """Return a check that runs a statement on a database.

    It takes a connection as the app does: from the pool that may be exhausted, by the settings
    that may be wrong.

    Args:
        target: an SQLAlchemy `Engine` or `AsyncEngine`, or the alias of a Django database, such
            as "default".
        statement: what it runs; its rows are not read.

    Raises:
        ConfigurationError: the target is none of these.
    """
    text("sql_check: statement", statement)
    if isinstance(target, str):
        return _Django(text("sql_check: alias", target), statement)
    if hasattr(target, "sync_engine"):
        return _AsyncSql(target, statement)
    if hasattr(target, "connect") and hasattr(target, "dialect"):
        return _Sql(target, statement)
    raise ConfigurationError(
        f"sql_check({target!r}): give an SQLAlchemy engine, or the alias of a Django database"
    )


@dataclass(frozen=True)
class _Sql(BuiltIn):
    engine: Any
    statement: str

    def look(self, limit: float, host: Host) -> None:
        """Pass if the statement runs."""
        with self.engine.connect() as connection:
            connection.exec_driver_sql(self.statement).close()


@dataclass(frozen=True)
class _AsyncSql(BuiltIn):
    engine: Any
    statement: str

    async def look(self, limit: float, host: Host) -> None:
        """Pass if the statement runs."""
        async with self.engine.connect() as connection:
            await connection.exec_driver_sql(self.statement)


@dataclass(frozen=True)
class _Django(BuiltIn):
    alias: str
    statement: str

    def look(self, limit: float, host: Host) -> CheckResult | None:
        """Pass if the statement runs, on a connection of this thread's own."""
        database = sys.modules.get("django.db")
        if database is None:
            return CheckResult(Status.FAIL, "Django is not loaded in this process")
        with database.connections[self.alias].cursor() as cursor:
            cursor.execute(self.statement)
        return None


def redis_check(client: Any) -> BuiltIn:
    """Return a check that pings a Redis or Valkey server.

    Args:
        client: a `redis.Redis` or `redis.asyncio.Redis`, as the app uses it.

    Raises:
        ConfigurationError: the client cannot ping.
    """
    if not callable(getattr(client, "ping", None)):
        raise ConfigurationError(f"redis_check({client!r}): give a redis-py client")
    return _Redis(client)


@dataclass(frozen=True)
class _Redis(BuiltIn):
    client: Any

    def look(self, limit: float, host: Host) -> Any:
        """Pass if the server answers; an async client's answer is awaited."""
        return self.client.ping()
