"""The decorators: what users write on their functions, as methods of a system."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, get_overloads, overload

from resilience.core.categories import TRANSIENT
from resilience.core.classify import Matcher
from resilience.core.guard import Layer, decorate
from resilience.core.names import NOTHING, did_you_mean
from resilience.core.runtime import Runtime
from resilience.errors import ConfigurationError, UnknownSettingError
from resilience.parts import Parts

if TYPE_CHECKING:
    from resilience.degradation.levels import Level

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")
Seconds = float | timedelta

_LEFT_OUT: Any = object()
"""What stands for an argument that was not given, so that `explain` can tell."""


class Decorator(Protocol):
    """What gives back what it was put on, guarded: same type, same signature, same kind."""

    def __call__(self, call: F, /) -> F:
        """Guard `call`."""
        ...


def adding(make: Callable[[], Layer], runtime: Runtime) -> Decorator:
    """Return a decorator that adds a layer of a system, made anew for each function."""
    return lambda call: decorate(call, make(), runtime)


def is_target(first: Any) -> bool:
    """Tell whether a decorator's first argument is what it is put on: it was written bare."""
    return callable(first) or isinstance(first, classmethod | staticmethod | property)


class Decorators(Parts):
    """What a `System` puts on functions.

    Each method loads its own layer: an app pays for the decorators that it uses.
    """

    @overload
    def circuit(self, call: F, /) -> F: ...
    @overload
    def circuit(
        self,
        name: str | None = None,
        *,
        failure_threshold: int = 5,
        failure_rate: float = 0.5,
        min_calls: int | None = None,
        window: Seconds = 60.0,
        window_calls: int | None = None,
        slow_call_duration: Seconds | None = None,
        slow_call_rate: float = 0.5,
        reset_timeout: Seconds = 30.0,
        reset_timeout_multiplier: float = 2.0,
        reset_timeout_max: Seconds = 300.0,
        half_open_calls: int = 3,
        success_threshold: int = 2,
        half_open_timeout: Seconds | None = None,
        ramp: Seconds = 0.0,
        on: Matcher = Exception,
        ignore: Matcher = (),
        on_result: Callable[[Any], bool] | None = None,
        key: Callable[..., Hashable] | None = None,
        max_keys: int = 1000,
    ) -> Decorator: ...
    def circuit(self, name: Any = None, **options: Any) -> Any:
        """Stop calling what keeps failing; `CircuitSettings` says what each argument does.

        Args:
            name: the circuit's name; default: the function's `module.qualname`.
            options: the settings of `CircuitSettings`.

        Raises:
            ConfigurationError: a value out of range; another circuit of that name differs.
            DecorationError: on a class or property, or a second time on one function.
        """
        from resilience.circuits.layer import CircuitLayer
        from resilience.circuits.settings import CircuitSettings

        if is_target(name):
            return decorate(name, CircuitLayer(self.circuits, None, {}), self.runtime)
        if name is not None and not isinstance(name, str):
            raise ConfigurationError(f"circuit name={name!r}: give a text")
        CircuitSettings.of(options, f"@circuit({name!r})" if name else "@circuit")
        return adding(lambda: CircuitLayer(self.circuits, name, options), self.runtime)

    def fallback(
        self,
        *sources: Any,
        on: Matcher = Exception,
        ignore: Matcher = (),
        stale_for: Seconds | None = None,
        cascade: bool = True,
        **unknown: Any,
    ) -> Decorator:
        """Answer with something else when the call fails.

        Args:
            sources: values, functions of the call's arguments (and of `error`, if they take
                one), or `Source`s; tried in order, lower `priority` first.
            on: failures it answers for: exception types, or a predicate.
            ignore: those it never answers for; beats `on`.
            stale_for: seconds, > 0, for which the last good answer to the same arguments comes
                before all sources; None: never.
            cascade: try the next source when one fails; else only the first.
            unknown: refused, by name.

        Raises:
            ConfigurationError: nothing to answer with, or a value out of range.
            DecorationError: a source cannot stand in for the function: async for sync, other
                arguments, or no items for a generator.
        """
        if unknown:
            name = next(iter(unknown))
            meant = did_you_mean(name, ["on", "ignore", "stale_for", "cascade"])
            raise UnknownSettingError(f"@fallback: unknown argument {name!r}{meant}")

        from resilience.strategies.answers import Answers
        from resilience.strategies.fallbacks import FallbackLayer

        def make() -> FallbackLayer:
            return FallbackLayer(
                Answers(
                    self.runtime,
                    sources,
                    on=on,
                    ignore=ignore,
                    stale_for=stale_for,
                    cascade=cascade,
                )
            )

        make()  # so that wrong arguments are refused on their own line
        return adding(make, self.runtime)

    @overload
    def retry(self, call: F, /) -> F: ...
    @overload
    def retry(
        self,
        attempts: int = 3,
        *,
        on: Matcher = TRANSIENT,
        ignore: Matcher = (),
        on_result: Callable[[Any], bool] | None = None,
        timeout: Seconds | None = None,
        backoff: str | Callable[[int], Seconds] | Iterable[Seconds] = "exponential",
        initial_delay: Seconds = 0.1,
        max_delay: Seconds = 5.0,
        multiplier: float = 2.0,
        jitter: float | str | None = "full",
        budget: float | None = 0.2,
    ) -> Decorator: ...
    def retry(self, attempts: Any = _LEFT_OUT, **options: Any) -> Any:
        """Make a failed call again; `RetrySettings` says what each argument does.

        Args:
            attempts: how often it is made at most, >= 1, the first time included.
            options: the other settings of `RetrySettings`.

        Raises:
            ConfigurationError: a value out of range.
            DecorationError: on a class or property, or a second time on one function.
        """
        from resilience.strategies.retries import RetryLayer
        from resilience.strategies.retry_settings import RetrySettings

        if is_target(attempts):
            return decorate(attempts, RetryLayer(self.retries, {}), self.runtime)
        if attempts is not _LEFT_OUT:
            options["attempts"] = attempts
        RetrySettings.of(options, "@retry")
        return adding(lambda: RetryLayer(self.retries, options), self.runtime)

    def timeout(self, seconds: Seconds, *, name: str | None = None) -> Decorator:
        """Limit the time of each call.

        Async code is cancelled; sync code runs in a pool of threads, and is left to end there.

        Args:
            seconds: > 0.
            name: what settings and messages call it; default: the name of the function's
                circuit, or without one its `module.qualname`.

        Raises:
            ConfigurationError: a value out of range.
            DecorationError: on a class or property, or a second time on one function.
        """
        if is_target(seconds):
            raise ConfigurationError("@timeout needs its seconds: write @timeout(2.0)")
        from resilience.limits.deadlines import TimeoutLayer

        TimeoutLayer(self.timeouts, seconds, name)
        return adding(lambda: TimeoutLayer(self.timeouts, seconds, name), self.runtime)

    @overload
    def bulkhead(self, call: F, /) -> F: ...
    @overload
    def bulkhead(
        self, limit: int = 25, *, max_wait: Seconds = 0.0, name: str | None = None
    ) -> Decorator: ...
    def bulkhead(self, limit: Any = _LEFT_OUT, *, name: str | None = None, **options: Any) -> Any:
        """Let only so many calls run at once.

        Args:
            limit: calls that may run at once, 1 to 100,000.
            name: the bulkhead's name; default: the function's `module.qualname`.
            options: `max_wait`, seconds, >= 0, that a further call waits for its turn.

        Raises:
            ConfigurationError: a value out of range; another bulkhead of that name differs.
            DecorationError: on a class or property, or a second time on one function.
        """
        from resilience.limits.layer import BulkheadLayer
        from resilience.limits.registry import BulkheadSettings

        if is_target(limit):
            return decorate(limit, BulkheadLayer(self.bulkheads, None, {}), self.runtime)
        if isinstance(limit, str):
            raise ConfigurationError(f"@bulkhead({limit!r}): write @bulkhead(name={limit!r})")
        if limit is not _LEFT_OUT:
            options["limit"] = limit
        BulkheadSettings.of(options, "@bulkhead")
        return adding(lambda: BulkheadLayer(self.bulkheads, name, options), self.runtime)

    def feature(
        self,
        name: str,
        *,
        otherwise: Any = NOTHING,
        enabled: bool = True,
        priority: float = 50.0,
        off_at: Level | str | None = None,
        capability: Mapping[str, float] | Mapping[Level, float] | None = None,
        rollout: float = 100.0,
        key: Callable[..., object] | None = None,
        **unknown: Any,
    ) -> Decorator:
        """Make the calls only while the feature is on; `Feature` says what each argument does.

        Args:
            name: the feature's name; any number of functions may share one.
            otherwise: a value, or a function of the call's arguments, to answer with where it is
                off; without one those calls raise `FeatureDisabledError`.
            enabled: False: off at every level, for everybody.
            priority: 0-100; features of low priority go off first.
            off_at: the first level at which it is off: reduced, minimal or emergency; None: by
                priority.
            capability: `{level: percent 0-100}` of it that is left there.
            rollout: percent 0-100 of keys, or of calls, that have it at all.
            key: function of the call's arguments that returns whose call it is.
            unknown: refused, by name.

        Raises:
            ConfigurationError: a value out of range; the feature is described otherwise elsewhere.
            DecorationError: `otherwise` cannot stand in for the function.
        """
        if is_target(name):
            raise ConfigurationError('@feature needs its name: write @feature("search")')
        from resilience.degradation.features import Feature
        from resilience.degradation.layer import FeatureLayer

        given = {
            "enabled": enabled,
            "priority": priority,
            "off_at": off_at,
            "capability": {} if capability is None else capability,
            "rollout": rollout,
            "key": key,
            **unknown,
        }
        options = Feature.of(name, given).options()
        return adding(
            lambda: FeatureLayer(self.degradation, name, options, otherwise), self.runtime
        )

    @overload
    def heal(self, call: F, /) -> F: ...
    @overload
    def heal(
        self,
        component: str | None = None,
        *,
        category: str | None = None,
        severity: str = "medium",
        on: Matcher = Exception,
        ignore: Matcher = (),
        strategy: Any = None,
        max_wait: Seconds | None = None,
    ) -> Decorator: ...
    def heal(self, component: Any = None, **options: Any) -> Any:
        """Recover what the call needs when it fails, and make the call again.

        The component is recovered in the background, once for all calls that fail meanwhile;
        they wait for it. Put it on calls that may be made twice.

        Args:
            component: what it calls, as health checks and actions name it; default: the name of
                its circuit, else of the function.
            options: `category` of its failures, default: found from each exception; `severity`:
                "low", "medium", "high" or "critical"; `on` and `ignore`: which errors are
                failures, types or a predicate; `strategy`: what is tried instead of what the
                settings of the healer say, a name or object or a list of them; `max_wait`:
                seconds, >= 0, that a call waits for its component, default: the healer's setting.

        Raises:
            ConfigurationError: an unknown category, severity or strategy, or a value out of range.
            DecorationError: on a class or property, or a second time on one function.
        """
        from resilience.healing.layer import HealLayer

        if is_target(component):
            return decorate(component, HealLayer(self.healer, None, {}), self.runtime)
        HealLayer(self.healer, component, options)
        return adding(lambda: HealLayer(self.healer, component, options), self.runtime)


# The overloads are what type checkers read; for everyone else the long one is the signature.
_overloaded: list[Any] = [
    Decorators.circuit,
    Decorators.retry,
    Decorators.bulkhead,
    Decorators.heal,
]
for _method in _overloaded:
    _method.__signature__ = inspect.signature(get_overloads(_method)[1])
