"""What strategies have in common that do something about a call only after it has failed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pkgutil import resolve_name
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from resilience.core import rescue
from resilience.core.checks import text
from resilience.core.classify import Matcher
from resilience.core.rescue import WELL, Call, Course
from resilience.core.runtime import Runtime
from resilience.core.trigger import Trigger

P = ParamSpec("P")
R = TypeVar("R")


class Home(Protocol):
    """A system, as far as such a strategy needs one."""

    @property
    def runtime(self) -> Runtime:
        """Its clock, events and background engine."""
        ...


class RescuingStrategy:
    """Makes a call, and does something about it if it fails.

    Args:
        name: what its events are about.
        on: the failures meant: types, or a predicate; never `Rejected`, nor a framework's own
            answer below 500.
        ignore: those not meant; beats `on`.
        system: whose clock, events and engine it uses; default: the process-wide system's.

    Raises:
        ConfigurationError: a value is refused.
    """

    condition = WELL

    def __init__(self, name: str, on: Matcher, ignore: Matcher, system: Home | None) -> None:
        self.name = text("name", name)
        self._trigger = Trigger(on, ignore)
        home: Home = resolve_name("resilience.systems:system") if system is None else system
        self._runtime = home.runtime

    def call(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return `fn(*args, **kwargs)`; if it fails, after something was done about that.

        Raises:
            Exception: the call's own, whatever else goes wrong.
        """
        result: R = rescue.call_sync(self, fn, args, kwargs)
        return result

    @overload
    async def call_async(
        self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> R: ...
    @overload
    async def call_async(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    async def call_async(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Return what `fn(*args, **kwargs)` returns, awaited where it can be; see `call`.

        Raises:
            Exception: the call's own, whatever else goes wrong.
        """
        return await rescue.call_async(self, fn, args, kwargs)

    def handles(self, error: Exception) -> bool:
        """Tell whether anything is to be done about this failure."""
        return self._runtime.active and self._trigger.fires(error)

    def course(self, error: Exception, again: Call) -> Course:
        """Return what is to be done."""
        raise NotImplementedError

    def returned(self) -> None:
        """Hear that a call returned; it does not matter here."""
