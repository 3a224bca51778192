"""What type checkers see of `Retry`; checked, never run."""

from datetime import timedelta
from typing import assert_type

from resilience.core.categories import TRANSIENT
from resilience.strategies.retries import Retry
from resilience.strategies.retry_settings import RetrySettings


def length(text: str) -> int:
    """Answer a number."""
    return len(text)


async def length_async(text: str) -> int:
    """Answer a number."""
    return len(text)


def strategies() -> list[Retry]:
    """All that it takes."""
    return [
        Retry(),
        Retry(5, name="payments", on=TRANSIENT, ignore=(KeyError,), budget=None),
        Retry(attempts=2, backoff=[0.1, timedelta(seconds=1)], max_delay=timedelta(minutes=1)),
        Retry(backoff=lambda failed: failed * 0.1, jitter=None, timeout=3),
        Retry(on=lambda error: bool(error.args), on_result=lambda result: result is None),
    ]


async def calls(strategy: Retry) -> None:
    """A call keeps its type."""
    assert_type(strategy.call(length, "a"), int)
    assert_type(await strategy.call_async(length_async, "a"), int)
    assert_type(await strategy.call_async(length, "a"), int)
    assert_type(await strategy.call(length_async, "a"), int)
    assert_type(strategy.settings, RetrySettings)
    strategy.call(length, 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Retry(atempts=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
