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
from resilience.core.runtime import Runtime
from resilience.errors import ConfigurationError
from resilience.strategies.attempts import RetryPlan
from resilience.strategies.budget import Budget, Budgets
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
        budgets: those of its system.
        options: the settings of `RetrySettings`.

    Raises:
        UnknownSettingError, ConfigurationError: an option is refused.
    """

    __slots__ = ("_budgets", "_options", "settings")

    role = "retry"

    def __init__(self, budgets: Budgets, options: Mapping[str, Any]) -> None:
        self._budgets = budgets
        self._options = options
        self.settings = RetrySettings.of(options, "@retry")

    def attach(self, guard: Guard) -> None:
        """Refuse what can never be reached."""
        if self.settings.on_result and guard.kind in (Kind.GENERATOR, Kind.ASYNC_GENERATOR):
            raise ConfigurationError(
                f"on_result on the {guard.kind.value} {guard.name}: its items are not judged; "
                f"leave it out"
            )
        one = getattr(guard.layer("timeout"), "seconds", None)
        total = self.settings.timeout
        if one is not None and total is not None and one > total:
            raise ConfigurationError(
                f"{guard.name}: @timeout({one:g}) for one attempt is above "
                f"@retry(timeout={total:g}) for all of them"
            )

    def wrap(self, call: Callable[..., Any], guard: Guard) -> Callable[..., Any]:
        """Return `call` with its failures tried again."""
        name = guard.component
        plan = RetryPlan(self._budgets.runtime, self.settings, name, self._budgets.of(name))
        return _SHELLS[guard.kind](plan, call)

    def describe(self) -> Iterator[str]:
        """Yield the settings, each with its source."""
        yield "retry"
        yield from _lines(self.settings, self._options)

    def __reduce__(self) -> Any:
        return RetryLayer, (self._budgets, self._options)


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
    """A system, as far as a strategy needs one."""

    @property
    def runtime(self) -> Runtime:
        """Its clock, chance and events."""
        ...

    @property
    def budgets(self) -> Budgets:
        """What its retries draw on."""
        ...


class Retry:
    """Retries without a decorator: `Retry(attempts=5).call(fn, …)`.

    Args:
        attempts: how often a call is made at most, >= 1, the first time included.
        name: what its events are about, and whose budget it draws on: a circuit's name, or one
            of its own; None: a budget that nobody shares.
        system: whose clock, chance and events it uses; default: the process-wide system's.
        options: the other settings of `RetrySettings`.

    Raises:
        UnknownSettingError, ConfigurationError: an option is refused.
    """

    __slots__ = ("_options", "_plan")

    def __init__(
        self,
        attempts: int = 3,
        *,
        name: str | None = None,
        system: Home | None = None,
        **options: Unpack[RetryOptions],
    ) -> None:
        home: Home = resolve_name("resilience.systems:system") if system is None else system
        self._options: dict[str, Any] = {"attempts": attempts, **options}
        settings = RetrySettings.of(self._options, "Retry")
        budget = Budget() if name is None else home.budgets.of(name)
        self._plan = RetryPlan(home.runtime, settings, name or "retry", budget)

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
        yield from _lines(self.settings, self._options)


def _lines(settings: RetrySettings, options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.values():
        source = "decorator" if name in options else "default"
        yield f"{name} = {shown(value)}  ({source})"
