"""The fallback: answer with something else when a call fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pkgutil import resolve_name
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from resilience.core import substitute
from resilience.core.checks import text
from resilience.core.classify import Matcher
from resilience.core.guard import Guard
from resilience.core.kinds import Kind, kind_of
from resilience.core.runtime import Runtime
from resilience.errors import ConfigurationError
from resilience.strategies.answers import Answers, AnyFunctionsAnswers
from resilience.strategies.sources import signature_of

P = ParamSpec("P")
R = TypeVar("R")

_SHELLS = {
    Kind.SYNC: substitute.replace_sync,
    Kind.ASYNC: substitute.replace_async,
    Kind.GENERATOR: substitute.replace_generator,
    Kind.ASYNC_GENERATOR: substitute.replace_async_generator,
}


class FallbackLayer:
    """Answers for a function's failed calls.

    Args:
        answers: what with, and for which failures.
    """

    __slots__ = ("answers",)

    role = "fallback"

    def __init__(self, answers: Answers) -> None:
        self.answers = answers

    def attach(self, guard: Guard) -> None:
        """Check every source against the function it stands in for."""
        kept = self.answers.kept
        if kept is not None and guard.kind in (Kind.GENERATOR, Kind.ASYNC_GENERATOR):
            raise ConfigurationError(
                f"stale_for={kept.age!r} on the {guard.kind.value} {guard.name}: "
                f"its items are not kept; give a source"
            )
        if kept is not None:
            kept.takes = signature_of(guard.call)
        for source in self.answers.sources:
            source.check(guard)

    def wrap(self, call: Callable[..., Any], guard: Guard) -> Callable[..., Any]:
        """Return `call` with its failures answered."""
        self.answers.component = guard.component
        return _SHELLS[guard.kind](self.answers, call)

    def describe(self) -> Iterator[str]:
        """Yield the sources in the order they are tried, then the rest."""
        yield "fallback"
        yield from self.answers.describe()


class Home(Protocol):
    """A system, as far as a fallback needs one."""

    @property
    def runtime(self) -> Runtime:
        """Its clock and events."""
        ...


class Fallback:
    """A fallback without a decorator: `Fallback(from_cache, []).call(fn, …)`.

    Sources are called with the arguments of the call they stand in for, and with `error` if they
    take it. Last good answers are kept for each function by itself.

    Args:
        sources: values, functions, or `Source`s; tried in order, lower `priority` first.
        on: failures it answers for: exception types, or a predicate.
        ignore: those it never answers for; beats `on`.
        stale_for: seconds, > 0, for which the last good answer of the same function to the same
            arguments comes before all sources; None: never.
        cascade: try the next source when one fails; else only the first.
        name: what events and `X-Degraded` call it.
        system: whose clock and events it uses; default: the process-wide system's.

    Raises:
        ConfigurationError: nothing to answer with, or a value out of range.
    """

    __slots__ = ("_answers", "_awaited")

    def __init__(
        self,
        *sources: Any,
        on: Matcher = Exception,
        ignore: Matcher = (),
        stale_for: float | timedelta | None = None,
        cascade: bool = True,
        name: str = "fallback",
        system: Home | None = None,
    ) -> None:
        home: Home = resolve_name("resilience.systems:system") if system is None else system
        self._answers = AnyFunctionsAnswers(
            home.runtime, sources, on=on, ignore=ignore, stale_for=stale_for, cascade=cascade
        )
        self._answers.component = text("name", name)
        self._awaited = [each for each in self._answers.sources if each.kind is Kind.ASYNC]

    @property
    def name(self) -> str:
        """What events call it."""
        return self._answers.component

    def call(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return `fn(*args, **kwargs)`, or what answers for it; of a coroutine when awaited.

        Raises:
            ConfigurationError: a source has to be awaited, and `fn` does not.
            Exception: the last source's, `from` the call's own; the call's own without any.
        """
        if self._awaited and kind_of(fn) is not Kind.ASYNC:
            raise ConfigurationError(
                f"fallback source {self._awaited[0].name} is an async function: use call_async"
            )
        result: R = substitute.replace_sync(self._answers, _called)(fn, *args, **kwargs)
        return result

    @overload
    async def call_async(
        self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> R: ...
    @overload
    async def call_async(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    async def call_async(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Return what `fn(*args, **kwargs)` returns, or what answers for it; both awaited.

        Raises:
            Exception: the last source's, `from` the call's own; the call's own without any.
        """
        return await substitute.replace_async(self._answers, _awaited)(fn, *args, **kwargs)

    def describe(self) -> Iterator[str]:
        """Yield its name, the sources in the order they are tried, then the rest."""
        yield f"fallback {self.name!r}"
        yield from self._answers.describe()


def _called(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    return fn(*args, **kwargs)


async def _awaited(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    result = fn(*args, **kwargs)
    return await result if hasattr(result, "__await__") else result
