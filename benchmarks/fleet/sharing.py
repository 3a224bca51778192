"""How workers share a circuit's state: ours with and without a store, and two peers.

All have the settings of `FLEET`: 20 calls or failures to judge, 2 s open, three trials.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

FAILURES, WINDOW, RESET, TRIALS, SUCCESSES = 20, 10.0, 2.0, 3, 2
TIMEOUT = 0.25  # seconds that each client waits for Redis


class Shared(NamedTuple):
    """A circuit: how it calls, what it raises when it refuses, and whether it is open."""

    call: Callable[[Callable[[], Any]], Any]
    rejection: type[BaseException]
    is_open: Callable[[], bool]


class Sharing(NamedTuple):
    """One way to share: what makes a circuit by its name, and what ends it."""

    circuit: Callable[[str], Shared]
    close: Callable[[], None]


def alone(_: str) -> Sharing:
    """Share nothing: each worker has its own circuits."""
    return _ours({})


def fleet(url: str) -> Sharing:
    """Share by the fleet's exchange."""
    return _ours({"fleet": {"url": url, "prefix": "bench"}})


def _ours(settings: dict[str, Any]) -> Sharing:
    from resilience import CircuitOpenError, System

    system = System(settings)
    system.start()

    def circuit(name: str) -> Shared:
        made = system.circuits.get(
            name, failure_threshold=FAILURES, window=WINDOW, reset_timeout=RESET,
            reset_timeout_multiplier=1.0, half_open_calls=TRIALS, success_threshold=SUCCESSES,
        )  # fmt: skip
        return Shared(made.call, CircuitOpenError, lambda: made.state == "open")

    return Sharing(circuit, system.stop)


def pybreaker(url: str) -> Sharing:
    """Ask Redis with every call."""
    module, client = import_module("pybreaker"), _client(url)

    def circuit(name: str) -> Shared:
        storage = module.CircuitRedisStorage("closed", client, namespace=name)
        made = module.CircuitBreaker(
            FAILURES, RESET, success_threshold=SUCCESSES, state_storage=storage,
            throw_new_error_on_trip=False,
        )  # fmt: skip
        return Shared(made.call, module.CircuitBreakerError, lambda: made.current_state == "open")

    return Sharing(circuit, client.close)


def interlock(url: str) -> Sharing:
    """Publish transitions, and poll once a second."""
    module, client = import_module("interlock"), _client(url)
    storage = import_module("interlock.integrations.redis").RedisStorage(client)
    config = module.Config(
        failure_rate_threshold=0.5, minimum_number_of_calls=FAILURES,
        wait_duration_in_open=RESET, permitted_calls_in_half_open=TRIALS,
        window_type=module.WindowType.TIME_BASED, window_size=int(WINDOW),
    )  # fmt: skip

    def circuit(name: str) -> Shared:
        made = module.CircuitBreaker(name=name, config=config, storage=storage)
        return Shared(made.call, module.CircuitOpenError, lambda: made.state == module.State.OPEN)

    return Sharing(circuit, client.close)


def _client(url: str) -> Any:
    client: Any = import_module("redis").Redis.from_url(
        url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT
    )
    return client


WAYS: dict[str, Callable[[str], Sharing]] = {
    "ours, alone": alone,
    "ours, by Redis": fleet,
    "ours, by SQLite": fleet,
    "pybreaker, by Redis": pybreaker,
    "interlock, by Redis": interlock,
}
OURS, BY_FILE = "ours, by Redis", "ours, by SQLite"
