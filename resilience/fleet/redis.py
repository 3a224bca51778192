"""A fleet's store in Redis or Valkey, for workers on many hosts."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from resilience.errors import ConfigurationError, StoreUnavailableError
from resilience.fleet.base import FOR_EVER, KEPT, SILENCE, Letter, Reply
from resilience.fleet.clients import Address
from resilience.fleet.listening import Listener
from resilience.fleet.verdicts import GRANT
from resilience.fleet.wire import NONSENSE, read, written

if TYPE_CHECKING:
    from redis import Redis
    from redis.commands.core import Script

LISTENED = 1.0  # seconds after which the listener looks whether it is still wanted
_KEYS = (
    "meta", "workers", "circuits", "moved", "reported", "crew", "orders", "ordered", "leases",
)  # fmt: skip


class RedisBackend:
    """Keeps what workers know together in Redis: one script for each exchange.

    It has connections of its own, which give up after `timeout` and try nothing twice, as
    redis-py would by default for seconds.

    Args:
        url: as `redis.Redis.from_url` takes it; also `valkey://`.
        prefix: with which all keys begin. They are in one hash slot of a cluster.
        timeout: seconds, > 0, for connecting, and for an answer.

    Raises:
        ConfigurationError: redis-py is not installed, or does not take the URL.
    """

    def __init__(self, url: str, prefix: str, timeout: float) -> None:
        self._address = Address(url)
        self.address = self._address.shown
        self._timeout = timeout
        self._keys = [f"{{{prefix}}}:fleet:{each}" for each in _KEYS]
        self._channel = f"{{{prefix}}}:fleet:news"
        self._worker = ""
        self._listener: _Listener | None = None
        self._client: Redis | None = None
        _check(url)

    def _script(self) -> Script:
        """Return the script on a connection, made when it is first wanted."""
        if self._client is None:
            self._client = self._address.connected(self._timeout)
            text = files("resilience.fleet").joinpath("exchange.lua").read_text(encoding="utf-8")
            self._loaded = self._client.register_script(text)
        return self._loaded

    def exchange(self, letter: Letter) -> Reply:
        """Run the script on the letter; one command, two where Redis does not know it yet."""
        from redis.exceptions import RedisClusterException, RedisError

        self._worker = letter.worker
        arguments: list[bytes | str | int | float] = [
            written(letter), os.urandom(6).hex(), SILENCE, KEPT, GRANT, self._channel, FOR_EVER,
        ]  # fmt: skip
        try:
            return read(self._script()(keys=self._keys, args=arguments), letter)
        except (RedisError, RedisClusterException, OSError) as error:
            raise self._explained(error) from error
        except NONSENSE as error:
            raise StoreUnavailableError(f"{self.address} answers nonsense: {error!r}") from error

    def _explained(self, error: Exception) -> Exception:
        """Return what an error of Redis means: that it never works, or not now."""
        from redis import exceptions as known

        said = str(error)
        if isinstance(error, known.AuthenticationError | known.AuthorizationError):
            return ConfigurationError(f"{self.address} refuses user or password: {said}")
        if isinstance(error, known.NoPermissionError):
            return ConfigurationError(f"{self.address} forbids what a fleet needs: {said}")
        if "unknown command" in said.lower() and "eval" in said.lower():
            return ConfigurationError(f"{self.address} can run no scripts (EVALSHA): {said}")
        return StoreUnavailableError(f"{self.address} does not answer: {said or repr(error)}")

    def listen(self, hint: Callable[[], None]) -> None:
        """Hint whenever another worker's exchange changed something."""
        self._listener = _Listener(
            partial(self._address.connected, self._timeout), self._channel, self._is_other, hint
        )
        self._listener.start()

    def _is_other(self, worker: str) -> bool:
        return worker != self._worker

    def after_fork(self) -> None:
        """Connect anew with the next exchange; redis-py's pool leaves the parent's to it."""
        self._listener = None
        self._client = None

    def close(self) -> None:
        """Let go of all connections."""
        if self._listener is not None:
            self._listener.stop()
            self._listener = None
        with suppress(Exception):
            if self._client is not None:
                self._client.close()


class _Listener(Listener):
    """Waits for hints.

    Args:
        connected: returns a connection of its own.
        channel: where they are published.
        concerns: tells whether the hint of a worker is of use.
        hint: called for those that are.
    """

    def __init__(
        self,
        connected: Callable[[], Redis],
        channel: str,
        concerns: Callable[[str], bool],
        hint: Callable[[], None],
    ) -> None:
        super().__init__()
        self._connected, self._channel = connected, channel
        self._concerns, self._hint = concerns, hint

    def _listen(self) -> float:
        client: Any = self._connected()  # redis-py leaves this method without types
        with closing(client), client.pubsub(ignore_subscribe_messages=True) as pubsub:
            pubsub.subscribe(self._channel)
            self._hint()  # something may have changed before
            while self.is_wanted:
                message: dict[str, Any] | None = pubsub.get_message(timeout=LISTENED)
                if message is not None and self._concerns(message["data"].decode()):
                    self._hint()
        return 0.0


def _check(url: str) -> None:
    """Refuse what redis-py is not there for, or does not take, before anything is connected."""
    if "+cluster" not in url.partition("://")[0]:
        Address(url).connected(1.0).close()
