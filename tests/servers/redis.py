"""A real Redis server for tests."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers.process import LOOPBACK, Server

MISSING = "redis-server is not installed"
_FIXED = ("--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0")


class RedisServer(Server):
    """A Redis that keeps nothing on disk.

    Args:
        options: further command-line options, such as `("--replica-serve-stale-data", "no")`.
    """

    def __init__(self, *options: str) -> None:
        super().__init__("redis-server")
        self._options = options

    @staticmethod
    def is_installed() -> bool:
        """Tell whether there is one to start."""
        return shutil.which("redis-server") is not None

    @property
    def url(self) -> str:
        """Its address, as `redis.Redis.from_url` takes it."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    def command(self) -> Sequence[str]:
        """Return the command that serves."""
        program = shutil.which("redis-server")
        assert program is not None, MISSING
        where = ("--port", str(self.port), "--bind", LOOPBACK)
        return [program, *where, *_FIXED, *self._options]

    def answers(self) -> bool:
        """Tell whether it serves."""
        return bool(self.tell("INFO", "server"))  # a replica without primary answers little else

    def tell(self, *words: str) -> Any:
        """Send one command on a connection of its own; return the answer, as text."""
        with self._client() as client:
            return client.execute_command(*words)

    def restart_empty(self) -> None:
        """Crash and come back on the same port with no key: what a Redis without disk does."""
        self.kill()
        self.start()

    def clear(self) -> None:
        """Run as a primary that holds no key and no script, whatever a test has done to it."""
        self.thaw()
        self.start()
        self.promote()
        self.tell("FLUSHALL")
        self.tell("SCRIPT", "FLUSH")

    def follow(self, primary: "RedisServer") -> None:
        """Become a replica, as a failover makes the old primary; writes are refused from now on."""
        self.tell("REPLICAOF", LOOPBACK, str(primary.port))
        self.until(lambda: self._is_linked, f"follow port {primary.port}")

    def follow_nobody_there(self) -> None:
        """Become the replica of a primary that is down: reads too fail, with MASTERDOWN."""
        self.tell("CONFIG", "SET", "replica-serve-stale-data", "no")
        self.tell("REPLICAOF", LOOPBACK, "1")

    def promote(self) -> None:
        """Become a primary again."""
        self.tell("CONFIG", "SET", "replica-serve-stale-data", "yes")
        self.tell("REPLICAOF", "NO", "ONE")

    def cut_connections(self) -> int:
        """Close the connections of all clients but our own; return how many."""
        return int(self.tell("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))

    @property
    def _is_linked(self) -> bool:
        with self._client() as client:
            return bool(client.info("replication").get("master_link_status") == "up")

    def _client(self) -> Redis:
        # By default redis-py tries again for seconds.
        once = Retry(NoBackoff(), 0)
        return Redis(port=self.port, decode_responses=True, socket_timeout=5.0, retry=once)


@contextmanager
def running_redis(*options: str) -> Iterator[RedisServer]:
    """Give a Redis of one's own, for a test that needs two, or special options."""
    server = RedisServer(*options)
    try:
        server.start()
        yield server
    finally:
        server.close()
