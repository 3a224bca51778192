"""The retry that the healer makes by itself: a strategy like others, without a system around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resilience.core import repeat
from resilience.core.runtime import Runtime
from resilience.strategies.attempts import RetryPlan
from resilience.strategies.budget import Budget
from resilience.strategies.retry_settings import RetrySettings


class Again:
    """Makes a failed call again, three times in all.

    Args:
        runtime: its system's clock, chance and events.
        component: what its events are about.
        on: failures after which it does.
        budget: retries / failed calls of this component in 10 s, beyond 3; None: no limit.
    """

    __slots__ = ("_plan",)

    def __init__(
        self, runtime: Runtime, component: str, on: type[Exception], budget: float | None
    ) -> None:
        settings = RetrySettings(attempts=3, on=on, budget=budget)
        self._plan = RetryPlan(runtime, component, Budget(), settings)

    def call(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return `fn(*args, **kwargs)`."""
        return repeat.call_sync(self._plan, fn, args, kwargs)

    async def call_async(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return what `fn(*args, **kwargs)` returns, awaited where it can be."""
        return await repeat.call_async(self._plan, fn, args, kwargs)
