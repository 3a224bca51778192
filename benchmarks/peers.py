"""The other circuit breakers, each with the settings nearest to ours.

Peers are imported by name and are `Any` here: they belong to the benchmark's own environment.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")
Guard = Callable[[Any], Any]

FAILURES = 5
WINDOW_SECONDS = 60
WINDOW_CALLS = 100
# Longer than the whole run, so that nobody goes half-open while rejections are timed.
RESET_SECONDS = 300

_numbers = count()


@dataclass(frozen=True, slots=True)
class Peer:
    """One library: how it guards a function, and what it raises while open.

    `guard` returns a decorator over a new closed circuit; the others are None where the
    library has no such thing.
    """

    name: str
    settings: str
    rejection: type[BaseException]
    guard: Callable[[], Guard]
    async_guard: Callable[[], Guard] | None = None
    block: Callable[[], AbstractContextManager[Any]] | None = None


def _circuitbreaker() -> Peer:
    module = import_module("circuitbreaker")

    def guard() -> Any:
        return module.CircuitBreaker(
            failure_threshold=FAILURES, recovery_timeout=RESET_SECONDS, name=_name()
        )

    return Peer(
        "circuitbreaker",
        "consecutive failures, no window, no timing",
        module.CircuitBreakerError,
        guard,
        guard,
        guard,
    )


def _pybreaker() -> Peer:
    module = import_module("pybreaker")

    def guard() -> Any:
        return module.CircuitBreaker(fail_max=FAILURES, reset_timeout=RESET_SECONDS)

    return Peer(
        "pybreaker",
        "consecutive failures, no window, no timing",
        module.CircuitBreakerError,
        guard,
    )


def _purgatory() -> Peer:
    module = import_module("purgatory")
    model = import_module("purgatory.domain.model")

    def guard() -> Any:
        return module.SyncCircuitBreakerFactory()(_name(), threshold=FAILURES, ttl=RESET_SECONDS)

    def async_guard() -> Any:
        return module.AsyncCircuitBreakerFactory()(_name(), threshold=FAILURES, ttl=RESET_SECONDS)

    return Peer(
        "purgatory",
        "consecutive failures, no window, no timing",
        model.OpenedState,
        guard,
        async_guard,
    )


def _interlock() -> Peer:
    module = import_module("interlock")

    def guard() -> Any:
        config = module.Config(
            failure_rate_threshold=0.5,
            minimum_number_of_calls=FAILURES,
            slow_call_duration_threshold=1.0,
            slow_call_rate_threshold=0.5,
            wait_duration_in_open=float(RESET_SECONDS),
            window_type=module.WindowType.TIME_BASED,
            window_size=WINDOW_SECONDS,
        )
        return module.CircuitBreaker(name=_name(), config=config)

    return Peer(
        "interlock-cb",
        f"failure rate over {WINDOW_SECONDS} s, slow calls",
        module.CircuitOpenError,
        guard,
        guard,
        guard,
    )


def _resilix() -> Peer:
    module = import_module("resilix")

    def guard() -> Any:
        return module.CircuitBreaker(failures=FAILURES, reset_timeout=RESET_SECONDS)

    return Peer(
        "resilix",
        "consecutive failures, no window, no timing",
        module.CircuitOpenError,
        guard,
        guard,
    )


def _pyresilience() -> Peer:
    module = import_module("pyresilience")

    def guard() -> Any:
        config = module.CircuitBreakerConfig(
            failure_threshold=FAILURES,
            recovery_timeout=RESET_SECONDS,
            sliding_window_size=WINDOW_CALLS,
            failure_rate_threshold=0.5,
            minimum_calls=FAILURES,
            slow_call_duration=1.0,
            slow_call_rate_threshold=0.5,
        )
        return module.resilient(circuit_breaker=config)

    return Peer(
        "pyresilience",
        f"failure rate over {WINDOW_CALLS} calls, slow calls",
        module.CircuitOpenError,
        guard,
        guard,
    )


MAKERS: dict[str, Callable[[], Peer]] = {
    "circuitbreaker": _circuitbreaker,
    "pybreaker": _pybreaker,
    "purgatory": _purgatory,
    "interlock-cb": _interlock,
    "resilix": _resilix,
    "pyresilience": _pyresilience,
}


def load_peers(
    makers: dict[str, Callable[[], Peer]] = MAKERS,
) -> tuple[list[Peer], dict[str, str]]:
    """Return the peers that are here and work, and why the others are left out."""
    return load(makers, check)


def load(
    makers: dict[str, Callable[[], T]], check: Callable[[T], None]
) -> tuple[list[T], dict[str, str]]:
    """Return the libraries that are here and pass `check`, and why the others are left out.

    Returns:
        The libraries, and `dict[name, one line saying what is wrong]`.
    """
    found: list[T] = []
    left_out: dict[str, str] = {}
    for name, make in makers.items():
        try:
            made = make()
            check(made)
        except ModuleNotFoundError as error:
            left_out[name] = f"not installed ({error.name})"
        except Exception as error:  # a peer's own defect must not end the run
            left_out[name] = f"{type(error).__name__}: {error}"
        else:
            found.append(made)
    return found, left_out


def check(peer: Peer) -> None:
    """Raise when `peer` does not pass a call while closed or does not reject it while open."""
    if peer.guard()(lambda: 42)() != 42:
        raise RuntimeError("a guarded call does not return the function's result")
    opened(peer.guard, peer.rejection)


def opened(guard: Callable[[], Guard], rejection: type[BaseException]) -> Callable[[], Any]:
    """Return a guarded function whose new circuit has opened by failures and was seen to reject.

    Raises:
        RuntimeError: it does not open.
    """

    def work() -> None:
        raise ConnectionError("the upstream is down")

    guarded: Callable[[], Any] = guard()(work)
    last: Exception | None = None
    for _ in range(4 * FAILURES):
        try:
            guarded()
        except Exception as error:
            last = error
    if not isinstance(last, rejection):
        raise RuntimeError(f"does not reject while open, last error: {last!r}")
    return guarded


def installed_version(name: str) -> str:
    """Return the installed version of the distribution `name`."""
    return version(name)


def _name() -> str:
    """Return a name no circuit has had: some peers register theirs for ever."""
    return f"bench-{next(_numbers)}"
