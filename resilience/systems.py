"""The system: every part, connected; and the one that the bare decorators use."""

from __future__ import annotations

import inspect
import random as randomness
from collections.abc import Callable, Hashable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Any, ParamSpec, Protocol, TypeVar, get_overloads, overload

from resilience.circuits.layer import CircuitLayer
from resilience.circuits.registry import Circuits
from resilience.circuits.settings import CircuitSettings
from resilience.clock import Clock
from resilience.core.classify import Matcher
from resilience.core.guard import decorate
from resilience.core.names import did_you_mean
from resilience.core.runtime import Runtime
from resilience.errors import ConfigurationError, UnknownSettingError
from resilience.events import Event
from resilience.settings import Settings
from resilience.strategies.fallbacks import FallbackLayer

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")
P = ParamSpec("P")
Seconds = float | timedelta


class Decorator(Protocol):
    """What gives back what it was put on, guarded: same type, same signature, same kind."""

    def __call__(self, call: F, /) -> F:
        """Guard `call`."""
        ...


class System:
    """Guards, their circuits, and what they share.

    Args:
        settings: `Settings`, or a dict of the same shape; over what decorators say.
        clock: what tells the time; `resilience.testing.ManualClock` in tests.
        random: where jitter and shares are drawn from; a seeded one makes runs repeatable.

    Raises:
        ConfigurationError: a setting is refused; says which, and what is allowed.
    """

    def __init__(
        self,
        settings: Settings | Mapping[str, Any] | None = None,
        *,
        clock: Clock | None = None,
        random: randomness.Random | None = None,
    ) -> None:
        self.runtime = Runtime(clock, random)
        self.circuits = Circuits(self.runtime)
        self.settings = Settings()
        self.started_at = self.runtime.clock.time()
        self.stopping = False
        self._by_source: dict[str, Settings] = {}
        if settings is not None:
            self.configure(settings)

    # -- decorators ---------------------------------------------------------------------------

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
        if callable(name) or isinstance(name, classmethod | staticmethod | property):
            return decorate(name, CircuitLayer(self.circuits, None, {}))
        if name is not None and not isinstance(name, str):
            raise ConfigurationError(f"circuit name={name!r}: give a text")
        CircuitSettings.of(options, f"@circuit({name!r})" if name else "@circuit")
        return lambda call: decorate(call, CircuitLayer(self.circuits, name, options))

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

        def decorator(call: F) -> F:
            layer = FallbackLayer(
                self.runtime, sources, on=on, ignore=ignore, stale_for=stale_for, cascade=cascade
            )
            guarded: F = decorate(call, layer)
            return guarded

        # Made once now, so that wrong arguments are refused on their own line.
        FallbackLayer(
            self.runtime, sources, on=on, ignore=ignore, stale_for=stale_for, cascade=cascade
        )
        return decorator

    # -- settings -----------------------------------------------------------------------------

    def configure(
        self, settings: Settings | Mapping[str, Any], *, source: str = "settings"
    ) -> None:
        """Put settings in force: all of them, or on an error none.

        Circuits whose settings stay the same keep their state and counts.

        Args:
            settings: `Settings`, or a dict of the same shape.
            source: who gives them; settings given earlier by the same one are replaced, those
                of others stay, later ones winning.

        Raises:
            ConfigurationError: a setting is refused; those in force stay.
        """
        made = settings if isinstance(settings, Settings) else Settings.of(settings, source)
        by_source = {**self._by_source, source: made}
        self.circuits.override(_overrides(by_source))
        self._by_source, self.settings = by_source, made
        self.circuits.warn_of_unknown(only_near=True)

    # -- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to serve: warns of settings for circuits that do not exist."""
        self.stopping = False
        self.circuits.warn_of_unknown()

    def stop(self) -> None:
        """Begin to leave: `/health/ready` says so from now on."""
        self.stopping = True

    def tick(self) -> None:
        """Do what is due at the clock's time: end operators' orders whose time is up."""
        for circuit in self.circuits:
            circuit.settle()

    def on_event(self, listener: Callable[[Event], Any]) -> Callable[[], None]:
        """Call `listener(event)` for every event of this system; returns what ends that."""
        return self.runtime.bus.subscribe(listener)

    @property
    def active(self) -> bool:
        """False while every guard passes its calls through (`resilience.testing.inactive`)."""
        return self.runtime.active

    @active.setter
    def active(self, value: bool) -> None:
        self.runtime.active = value
        self.circuits.refresh()

    def __enter__(self) -> System:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> System:
        self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _overrides(by_source: Mapping[str, Settings]) -> dict[str, dict[str, tuple[Any, str]]]:
    merged: dict[str, dict[str, tuple[Any, str]]] = {}
    for source, settings in by_source.items():
        for name, options in settings.circuits.items():
            for setting, value in options.items():
                origin = settings.origins.get(("circuits", name, setting), source)
                merged.setdefault(name, {})[setting] = (value, origin)
    return merged


# The overloads are what type checkers read; for everyone else the long one is the signature.
System.circuit.__signature__ = inspect.signature(get_overloads(System.circuit)[1])  # type: ignore[attr-defined]

system = System()
"""The process-wide system, which the bare decorators use."""

system.runtime.home = "resilience.systems:system.runtime"
system.circuits.home = "resilience.systems:system.circuits"
