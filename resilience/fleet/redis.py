"""A fleet's store in Redis or Valkey, for workers on many hosts."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from resilience.errors import ConfigurationError, StoreUnavailableError
from resilience.fleet.base import FOR_EVER, KEPT, SILENCE, Letter, Reply
from resilience.fleet.verdicts import GRANT
from resilience.fleet.wire import read, written

if TYPE_CHECKING:
    from redis import Redis

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
        self.address = _shown(url)
        self._url = url.replace("valkey", "redis", 1) if url.startswith("valkey") else url
        self._timeout = timeout
        self._keys = [f"{{{prefix}}}:fleet:{each}" for each in _KEYS]
        self._channel = f"{{{prefix}}}:fleet:news"
        self._worker = ""
        self._listener: _Listener | None = None
        self._client = self._connected()
        self._load()

    def _connected(self) -> Redis:
        try:
            from redis import Redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError:
            raise ConfigurationError(
                "fleet: url needs redis-py: pip install resilience-web[redis]"
            ) from None
        try:
            return Redis.from_url(
                self._url,
                socket_timeout=self._timeout,
                socket_connect_timeout=self._timeout,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            raise ConfigurationError(f"fleet: url {self.address}: {error}") from None

    def _load(self) -> None:
        text = files("resilience.fleet").joinpath("exchange.lua").read_text(encoding="utf-8")
        self._script = self._client.register_script(text)

    def exchange(self, letter: Letter) -> Reply:
        """Run the script on the letter; one command, two where Redis does not know it yet."""
        from redis.exceptions import RedisError

        self._worker = letter.worker
        arguments: list[str | int | float] = [
            written(letter), os.urandom(6).hex(), SILENCE, KEPT, GRANT, self._channel, FOR_EVER,
        ]  # fmt: skip
        try:
            return read(self._script(keys=self._keys, args=arguments))
        except RedisError as error:
            raise self._explained(error) from error
        except (ValueError, KeyError, TypeError) as error:
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
        self._listener = _Listener(self._connected(), self._channel, self._is_other, hint)
        self._listener.start()

    def _is_other(self, worker: str) -> bool:
        return worker != self._worker

    def after_fork(self) -> None:
        """Connect anew with the next exchange; redis-py's pool leaves the parent's to it."""
        self._listener = None
        self._client = self._connected()
        self._load()

    def close(self) -> None:
        """Let go of all connections."""
        if self._listener is not None:
            self._listener.wanted = False
            self._listener = None
        with suppress(Exception):
            self._client.close()


class _Listener:
    """A thread that waits for hints, as nothing else can wait for them; without it they are missed.

    Args:
        client: a connection of its own.
        channel: where they are published.
        concerns: tells whether the hint of a worker is of use.
        hint: called for those that are.
    """

    def __init__(
        self,
        client: Redis,
        channel: str,
        concerns: Callable[[str], bool],
        hint: Callable[[], None],
    ) -> None:
        self._client, self._channel = client, channel
        self._concerns, self._hint = concerns, hint
        self.wanted = True
        self._pause = threading.Event()

    def start(self) -> None:
        """Listen from now on; where no thread is to be had, the usual exchanges have to do."""
        with suppress(RuntimeError):
            threading.Thread(target=self._work, name="resilience-fleet", daemon=True).start()

    def _work(self) -> None:
        while self.wanted:
            with suppress(Exception):  # the exchange finds out, and says, what is wrong
                self._hear_all()
            self._pause.wait(LISTENED if self.wanted else 0)
        self._client.close()

    def _hear_all(self) -> None:
        client: Any = self._client  # redis-py leaves this method without types
        with client.pubsub(ignore_subscribe_messages=True) as pubsub:
            pubsub.subscribe(self._channel)
            self._hint()  # something may have changed before
            while self.wanted:
                message: dict[str, Any] | None = pubsub.get_message(timeout=LISTENED)
                if message is not None and self._concerns(message["data"].decode()):
                    self._hint()


def _shown(url: str) -> str:
    """Return a URL without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))
