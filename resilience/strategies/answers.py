"""What answers for failed calls: the last good answers, and sources in their order."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from resilience import signals
from resilience.core import degraded
from resilience.core.checks import flag, seconds
from resilience.core.classify import as_matcher, is_client_error, matches
from resilience.core.names import shown
from resilience.core.runtime import Runtime
from resilience.core.substitute import Attempt
from resilience.errors import ConfigurationError
from resilience.strategies.sources import Source, fresh
from resilience.strategies.stale import LastAnswers

Args = tuple[Any, ...]
Kwargs = dict[str, Any]


class Answers:
    """Decides which failures are answered, and with what.

    Args:
        runtime: its system's clock and events.
        sources: values, functions, or `Source`s.
        on: the failures it answers for: exception types, or a predicate.
        ignore: those it never answers for; beats `on`.
        stale_for: seconds, > 0, for which the last good answer to the same arguments comes
            before all sources; None: never.
        cascade: try the next source when one fails; else only the first.

    Raises:
        ConfigurationError: nothing to answer with, or a value out of range.
    """

    def __init__(
        self,
        runtime: Runtime,
        sources: Args,
        *,
        on: Any = Exception,
        ignore: Any = (),
        stale_for: Any = None,
        cascade: bool = True,
    ) -> None:
        if not sources and stale_for is None:
            raise ConfigurationError(
                "@fallback needs something to answer with: a value, a function, or stale_for="
            )
        # Of its own: a source learns what the function it stands in for takes.
        made = [each.copy() if isinstance(each, Source) else Source(each) for each in sources]
        self.sources = sorted(made, key=lambda source: source.priority)
        self.kept = None if stale_for is None else LastAnswers(seconds("stale_for", stale_for))
        self.component = ""  # what its events are about
        self.count = 0  # failures answered, about: threads may miss one another's
        self._runtime = runtime
        self._on = as_matcher("on", on)
        self._ignore = as_matcher("ignore", ignore)
        self._cascade = flag("cascade", cascade)

    def remembers(self) -> bool:
        """Tell whether good answers are to be kept."""
        return self.kept is not None

    def remember(self, args: Args, kwargs: Kwargs, answer: Any) -> None:
        """Keep a good answer."""
        assert self.kept is not None
        self.kept.keep(args, kwargs, answer, self._runtime.clock.monotonic())

    def handles(self, error: Exception) -> bool:
        """Tell whether this failure is to be answered.

        A framework's own answer below 500 (`abort(404)`) is none, unless `on` asks for it.
        """
        if not self._runtime.active or matches(self._ignore, error, if_broken=False):
            return False
        if self._on is Exception:
            return not is_client_error(error)
        return matches(self._on, error, if_broken=True)

    def attempts(self, error: Exception, args: Args, kwargs: Kwargs) -> Iterator[Attempt]:
        """Yield what to try, best first."""
        if self.kept is not None:
            found = self.kept.find(args, kwargs, self._runtime.clock.monotonic())
            if found is not None:
                yield Attempt("stale", partial(fresh, *found))
        given = self.given(args)
        for source in self.sources if self._cascade else self.sources[:1]:
            yield Attempt(source.name, partial(source.answer, error, given, kwargs))

    def given(self, args: Args) -> Args:
        """Return what sources get of a call's arguments."""
        return args

    def used(self, attempt: Attempt, error: Exception) -> None:
        """Mark the request degraded, and say so."""
        self.count += 1
        degraded.mark(self.component, "stale" if attempt.name == "stale" else "fallback")
        data = {"source": attempt.name, "error": type(error).__name__}
        self._runtime.bus.emit(signals.fallback_used, self.component, data)

    def describe(self) -> Iterator[str]:
        """Yield the sources in the order they are tried, then the rest."""
        if self.kept is not None:
            yield f"stale_for = {self.kept.age}  (decorator)"
        for source in self.sources:
            yield f"source {source.name}  (decorator)"
        rest = (
            ("on", self._on, Exception),
            ("ignore", self._ignore, ()),
            ("cascade", self._cascade, True),
        )
        for name, value, default in rest:
            origin = "default" if value == default else "decorator"
            yield f"{name} = {shown(value)}  ({origin})"


class AnyFunctionsAnswers(Answers):
    """The same for any function, which is then the first of the arguments.

    So each function has its own last good answers, and sources get the arguments without it.
    """

    def given(self, args: Args) -> Args:
        """Return the call's arguments."""
        return args[1:]
