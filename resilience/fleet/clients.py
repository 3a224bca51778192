"""Connections to Redis and Valkey: one server, one that Sentinels watch over, or a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from resilience.errors import ConfigurationError

if TYPE_CHECKING:
    from redis import Redis

SENTINEL, CLUSTER = "sentinel", "cluster"
_PORTS = {SENTINEL: 26379, CLUSTER: 6379}


class Address:
    """Where a Redis is.

    Args:
        url: as `redis.Redis.from_url` takes it, `valkey://` too; or
            `redis+sentinel://host:26379,other:26379/name-of-the-primary/0`, or
            `redis+cluster://host:6379,other:6379`; `rediss` for TLS.

    Raises:
        ConfigurationError: there is no such kind, or the primary's name is missing.
    """

    def __init__(self, url: str) -> None:
        url = url.replace("valkey", "redis", 1) if url.startswith("valkey") else url
        parts = urlsplit(url)
        self._scheme, _, self._kind = parts.scheme.partition("+")
        self.shown = _shown(parts)
        self._url, self._parts = url, parts
        if self._kind not in ("", SENTINEL, CLUSTER):
            raise ConfigurationError(
                f"fleet: url {self.shown}: unknown kind {self._kind!r}: give redis+sentinel:// or "
                "redis+cluster://"
            )
        self._path = [each for each in parts.path.split("/") if each]
        if self._kind == SENTINEL and not self._path:
            raise ConfigurationError(
                f"fleet: url {self.shown}: name the primary that the Sentinels watch, such as "
                "redis+sentinel://host:26379/mymaster"
            )

    def connected(self, timeout: float) -> Redis:
        """Return a client that gives up after `timeout` seconds, and tries nothing twice.

        Raises:
            ConfigurationError: redis-py is not installed, or does not take the URL.
            redis.exceptions.RedisError: a cluster does not answer; others are asked later.
        """
        try:
            from redis import Redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError:
            raise ConfigurationError(
                "fleet: url needs redis-py: pip install 'resilience-web[redis]'"
            ) from None
        options: dict[str, Any] = {
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            "retry": Retry(NoBackoff(), 0),
        }
        try:
            if self._kind == SENTINEL:
                return self._by_sentinels(options)
            if self._kind == CLUSTER:
                return self._in_cluster(options)
            return Redis.from_url(self._url, **options)
        except ValueError as error:
            raise ConfigurationError(f"fleet: url {self.shown}: {error}") from None

    def _by_sentinels(self, options: dict[str, Any]) -> Redis:
        from redis import sentinel

        options.update(self._secret())
        untyped: Any = sentinel.Sentinel  # redis-py leaves it without types
        watchers = untyped(self._hosts(), sentinel_kwargs=options, **options)
        database = int(self._path[1]) if len(self._path) > 1 else 0
        found: Redis = watchers.master_for(self._path[0], db=database)
        return found

    def _in_cluster(self, options: dict[str, Any]) -> Redis:
        from redis import cluster

        untyped: Any = cluster.ClusterNode  # redis-py leaves it without types
        nodes = [untyped(host, port) for host, port in self._hosts()]
        made: Any = cluster.RedisCluster(startup_nodes=nodes, **options, **self._secret())
        found: Redis = made
        return found

    def _hosts(self) -> list[tuple[str, int]]:
        found = []
        for each in self._parts.netloc.rpartition("@")[2].split(","):
            host, _, port = each.rpartition(":") if ":" in each else (each, "", "")
            found.append((host, int(port) if port else _PORTS[self._kind]))
        return found

    def _secret(self) -> dict[str, Any]:
        """Return user, password and TLS as redis-py's options."""
        who = self._parts.netloc.rpartition("@")[0]
        user, _, password = who.partition(":")
        told = {"username": unquote(user), "password": unquote(password)}
        secret: dict[str, Any] = {name: value for name, value in told.items() if value}
        return {**secret, "ssl": True} if self._scheme == "rediss" else secret


def _shown(parts: SplitResult) -> str:
    """Return a URL without user and password."""
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))
