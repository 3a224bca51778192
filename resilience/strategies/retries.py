"""The retry: make a failed call again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from pkgutil import resolve_name
from typing import Any, ParamSpec, Protocol, TypedDict, TypeVar, Unpack, overload

from resilience.core import repeat
from resilience.core.classify import Matcher
from resilience.core.guard import Guard
from resilience.core.kinds import Kind
from resilience.core.names import shown
from resilience.strategies.attempts import RetryPlan
from resilience.strategies.budget import Budget
from resilience.strategies.retry_registry import Retries
from resilience.strategies.retry_settings import RetrySettings

P = ParamSpec("P")
R = TypeVar("R")
Seconds = float | timedelta

_SHELLS = {
    Kind.SYNC: repeat.repeat_sync,
    Kind.ASYNC: repeat.repeat_async,
    Kind.GENERATOR: repeat.repeat_generator,
    Kind.ASYNC_GENERATOR: repeat.repeat_async_generator,
}


class RetryLayer:
    """Makes a function's failed calls again.

    Args:
        retries: those of its system.
        options: the settings of `RetrySettings`.

    Raises:
        UnknownSettingError, ConfigurationError: an option is refused.
    """

    __slots__ = ("_options", "_plan", "_retries")

    role = "retry"

    def __init__(self, retries: Retries, options: Mapping[str, Any]) -> None:
        RetrySettings.of(options, "@retry")
        self._retries = retries
        self._options = options
        self._plan: RetryPlan | None = None

    @property
    def settings(self) -> RetrySettings:
        """The settings in force."""
        assert self._plan is not None
        return self._plan.settings

    def attach(self, guard: Guard) -> None:
        """Fit any function."""

    def wrap(self, call: Callable[..., Any], guard: Guard) -> Callable[..., Any]:
        """Return `call` with its failures tried again."""
        limit = getattr(guard.layer("timeout"), "limit", None)  # it is further in: it has its own
        self._plan = self._retries.plan(
            guard.component, self._options, limit=limit, kind=guard.kind
        )
        return _SHELLS[guard.kind](self._plan, call)

    def describe(self) -> Iterator[str]:
        """Yield the name it is known by, and its settings, each with its source."""
        assert self._plan is not None
        yield f"retry {self._plan.component!r}"
        yield from _lines(self._retries.origins(self._plan))

    def __reduce__(self) -> Any:
        return RetryLayer, (self._retries, self._options)


class RetryOptions(TypedDict, total=False):
    """What `Retry` takes beside the attempts; `RetrySettings` says what each does."""

    on: Matcher
    ignore: Matcher
    on_result: Callable[[Any], bool] | None
    timeout: Seconds | None
    backoff: str | Callable[[int], Seconds] | Iterable[Seconds]
    initial_delay: Seconds
    max_delay: Seconds
    multiplier: float
    jitter: float | str | None
    budget: float | None


class Home(Protocol):
    """A system, as far as a retry needs one."""

    @property
    def retries(self) -> Retries:
        """Its retries."""
        ...


class Retry:
    """Retries without a decorator: `Retry(attempts=5).call(fn, …)`.

    Args:
        attempts: how often a call is made at most, >= 1, the first time included.
        name: what it is known by to settings and events, and whose budget it draws on: a
            circuit's name, or one of its own; None: "retry", and a budget that nobody shares.
        system: whose clock, chance and events it uses; default: the process-wide system's.
        options: the other settings of `RetrySettings`.

    Raises:
        UnknownSettingError, ConfigurationError: an option is refused.
    """

    __slots__ = ("_plan", "_retries")

    def __init__(
        self,
        attempts: int = 3,
        *,
        name: str | None = None,
        system: Home | None = None,
        **options: Unpack[RetryOptions],
    ) -> None:
        home: Home = resolve_name("resilience.systems:system") if system is None else system
        self._retries = home.retries
        given = {"attempts": attempts, **options}
        budget = Budget() if name is None else None
        self._plan = home.retries.plan(name or "retry", given, subject="Retry", budget=budget)

    @property
    def name(self) -> str:
        """What its events are about."""
        return self._plan.component

    @property
    def settings(self) -> RetrySettings:
        """When it tries again."""
        return self._plan.settings

    def call(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return `fn(*args, **kwargs)`; a coroutine it returns is tried again when awaited.

        Raises:
            Exception: the last attempt's, with the earlier ones as notes.
        """
        result: R = repeat.call_sync(self._plan, fn, args, kwargs)
        return result

    @overload
    async def call_async(
        self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> R: ...
    @overload
    async def call_async(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    async def call_async(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Return what `fn(*args, **kwargs)` returns, awaited where it can be.

        Raises:
            Exception: the last attempt's, with the earlier ones as notes.
        """
        return await repeat.call_async(self._plan, fn, args, kwargs)

    def describe(self) -> Iterator[str]:
        """Yield the settings, each with its source."""
        yield f"retry {self.name!r}"
        yield from _lines(self._retries.origins(self._plan))


def _lines(origins: Mapping[str, tuple[Any, str]]) -> Iterator[str]:
    for name, (value, source) in origins.items():
        yield f"{name} = {shown(value)}  ({source})"
