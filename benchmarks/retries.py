"""What a retry costs where there is nothing to retry: the first attempt succeeds.

The peers get the nearest settings they offer. Ours also counts its calls for the budget, and sees
to it that of nested retries only the outermost one repeats; of the peers none does either.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from benchmarks import loops
from benchmarks.calls import (
    BARE,
    CLOSURE,
    OURS,
    Group,
    async_closure,
    async_work,
    closure,
    ours,
    work,
)
from benchmarks.peers import Guard, load
from benchmarks.rounds import Subject
from resilience import System

ATTEMPTS = 3
FIRST_SECONDS, MOST_SECONDS = 0.1, 5.0


@dataclass(frozen=True, slots=True)
class Retrier:
    """One library that retries; `guard` returns a decorator for both kinds of function."""

    name: str
    guard: Callable[..., Guard]


def _stamina() -> Retrier:
    module = import_module("stamina")

    def guard(first_seconds: float = FIRST_SECONDS) -> Any:
        return module.retry(
            on=OSError, attempts=ATTEMPTS, wait_initial=first_seconds, wait_max=MOST_SECONDS
        )

    return Retrier("stamina", guard)


def _tenacity() -> Retrier:
    module = import_module("tenacity")

    def guard(first_seconds: float = FIRST_SECONDS) -> Any:
        return module.retry(
            stop=module.stop_after_attempt(ATTEMPTS),
            wait=module.wait_random_exponential(multiplier=first_seconds, max=MOST_SECONDS),
            retry=module.retry_if_exception_type(OSError),
            reraise=True,
        )

    return Retrier("tenacity", guard)


def _backoff() -> Retrier:
    module = import_module("backoff")

    def guard(first_seconds: float = FIRST_SECONDS) -> Any:
        return module.on_exception(
            module.expo, OSError, max_tries=ATTEMPTS, factor=first_seconds, max_value=MOST_SECONDS
        )

    return Retrier("backoff", guard)


def _pyresilience() -> Retrier:
    module = import_module("pyresilience")

    def guard(first_seconds: float = FIRST_SECONDS) -> Any:
        config = module.RetryConfig(
            max_attempts=ATTEMPTS,
            delay=first_seconds,
            max_delay=MOST_SECONDS,
            retry_on=(OSError,),
        )
        return module.resilient(retry=config)

    return Retrier("pyresilience", guard)


MAKERS: dict[str, Callable[[], Retrier]] = {
    "stamina": _stamina,
    "tenacity": _tenacity,
    "backoff": _backoff,
    "pyresilience": _pyresilience,
}


def load_retriers(
    makers: dict[str, Callable[[], Retrier]] = MAKERS,
) -> tuple[list[Retrier], dict[str, str]]:
    """Return the retriers that are here and work, and why the others are left out."""
    return load(makers, check)


def check(retrier: Retrier) -> None:
    """Raise when `retrier` does not make a failed call again, up to its attempts."""
    failures = [OSError("down")] * (ATTEMPTS - 1)

    def flaky() -> int:
        if failures:
            raise failures.pop()
        return 42

    if retrier.guard(first_seconds=0.001)(flaky)() != 42:
        raise RuntimeError("a retried call does not return the function's result")


def ours_retry(call: Any) -> Any:
    """Guard `call` with our retry, of a new system."""
    return System().retry(ATTEMPTS)(call)


def retry(retriers: Sequence[Retrier]) -> Group:
    """Compare a retried plain function."""
    calls = [
        (BARE, work),
        (CLOSURE, closure(work)),
        (OURS, ours_retry(work)),
        (f"{OURS}, with a circuit", ours_retry(ours()(work))),
        *((each.name, each.guard()(work)) for each in retriers),
    ]
    subjects = [Subject(name, loops.plain(call)) for name, call in calls]
    return Group("Retry, first-time success, plain function", CLOSURE, tuple(subjects))


def retry_async(retriers: Sequence[Retrier]) -> Group:
    """Compare a retried coroutine function."""
    calls: list[tuple[str, Any]] = [
        (BARE, async_work),
        (CLOSURE, async_closure(async_work)),
        (OURS, ours_retry(async_work)),
        (f"{OURS}, with a circuit", ours_retry(ours()(async_work))),
        *((each.name, each.guard()(async_work)) for each in retriers),
    ]
    subjects = [Subject(name, loops.awaited(call)) for name, call in calls]
    return Group("Retry, first-time success, coroutine function", CLOSURE, tuple(subjects))


RETRY_GROUPS: dict[str, Callable[[Sequence[Retrier]], Group]] = {
    "retry": retry,
    "retry-async": retry_async,
}
