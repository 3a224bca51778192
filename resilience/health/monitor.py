"""The health of a system's components: what their checks found, and what came of it."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import Lock
from typing import Any, TypeVar, overload

from resilience.core.names import did_you_mean
from resilience.core.overrides import Overrides
from resilience.core.runtime import Runtime
from resilience.health.changes import AlertHandler, Changes
from resilience.health.checks import Check, declaration, origin_of, runnable
from resilience.health.components import CircuitsTogether, Component
from resilience.health.overview import Circuits, Overview
from resilience.health.report import HealthReport, Snapshot
from resilience.health.results import CheckRecord
from resilience.health.runs import Finding, Wrap
from resilience.health.settings import HealthSettings
from resilience.health.watch import Watch
from resilience.telemetry.host import Host

F = TypeVar("F", bound=Callable[[], Any])
H = TypeVar("H", bound=AlertHandler)
Seconds = float | timedelta

SETTLED_EVERY = 1.0  # seconds
SAMPLED_EVERY = 5.0  # seconds


class Health:
    """Knows how the components of one system are, by checks that run in the background.

    Args:
        runtime: the system's clock, events and background engine.
        host: readings of the process and its machine.
        circuits: gives the system's circuits, which report by themselves.
        settings: how often to look, and what to make of it.
    """

    def __init__(
        self,
        runtime: Runtime,
        host: Host,
        circuits: Circuits = tuple,
        settings: HealthSettings | None = None,
    ) -> None:
        self.host = host
        self.settings = HealthSettings() if settings is None else settings
        self._runtime = runtime
        self._clock = runtime.clock
        self._watch = Watch(runtime, self.settings, host, self._heard)
        self._overview = Overview(self.settings, circuits, self._clock.time())
        self._changes = Changes(runtime)
        self._lock = Lock()
        self._changes.adjust(self.settings)
        runtime.engine.every(SETTLED_EVERY, self._settle, name="health", jitter=0.0)
        runtime.engine.every(SAMPLED_EVERY, self._sample, name="health history", jitter=0.0)
        runtime.engine.at_stop(self._watch.close)
        _all.add(self)

    # -- checks -------------------------------------------------------------------------------

    @overload
    def check(self, call: F, /) -> F: ...
    @overload
    def check(
        self,
        name: str,
        /,
        *,
        component: str | None = None,
        criticality: str | None = None,
        interval: Seconds | None = None,
        timeout: Seconds | None = None,
        slow_after: Seconds | None = None,
    ) -> Callable[[F], F]: ...
    @overload
    def check(
        self,
        name: str,
        call: F,
        /,
        *,
        component: str | None = None,
        criticality: str | None = None,
        interval: Seconds | None = None,
        timeout: Seconds | None = None,
        slow_after: Seconds | None = None,
    ) -> F: ...
    def check(self, name: Any, call: Any = None, /, **options: Any) -> Any:
        """Register a check, as a decorator or with what is to be called.

        It is a function without arguments, sync or async, that returns None or True when all is
        well, False or a `CheckResult` when not, or raises. It runs in the background, never in a
        request, and never twice at once.

        Args:
            name: what it is called; the only one of that name.
            call: what looks; without it, this is a decorator.
            options: `component` it tells about (default: its name); `criticality`: low, medium
                (default), high, or critical, which readiness depends on; `interval`: seconds,
                >= 0.1, from one run to the next (default 5); `timeout`: seconds, > 0, that a run
                may take (default 1, at most the interval); `slow_after`: seconds, less than the
                timeout, beyond which a pass is a warning.

        Raises:
            ConfigurationError: a value out of range, or another check has that name.
            DecorationError: it cannot be called without arguments.
        """
        place = _place_of(sys._getframe(1))
        if callable(name) and call is None:
            return self._add(str(getattr(name, "__name__", "")), options, place, name)
        declaration(name, options)  # refused on its own line
        if call is None:
            return partial(self._add, name, options, place)
        return self._add(name, options, place, call)

    def remove(self, name: str) -> None:
        """Forget a check, and its component with the last one.

        Raises:
            KeyError: there is no such check; says near names.
        """
        check = self._watch.remove(name)
        with self._lock:
            self._overview.take_out(check)

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks as they are in force, in the order they were registered."""
        return tuple(self._watch)

    def _add(self, name: Any, options: dict[str, Any], place: str, call: Any) -> Any:
        declared = declaration(name, options)
        check = self._watch.add(name, runnable(name, call), declared, origin_of(call, place))
        with self._lock:
            self._overview.put(check, self._clock.monotonic(), self._clock.time())
        self._watch.begin(name)  # after that: its first result has a place to go
        return call

    def _heard(self, check: Check, finding: Finding) -> None:
        """Take what a check found into account, and tell what changes by it."""
        at = self._clock.time()
        with self._lock:
            self._overview.hear(check, finding, at)
            change = self._overview.change_of(check.component, finding.at, at)
            if change is not None:
                self._changes.add(change)
        self._changes.tell()

    # -- reading ------------------------------------------------------------------------------

    def report(self) -> HealthReport:
        """Return how everything is, from memory. Reading changes nothing."""
        with self._lock:
            return self._overview.report(self._clock.monotonic(), self._clock.time())

    @overload
    def score(self, component: None = None) -> float: ...
    @overload
    def score(self, component: str | None) -> float | None: ...
    def score(self, component: str | None = None) -> float | None:
        """Return how well everything is, 0-100, or one component, percent of availability.

        Args:
            component: its name; None: the whole, 100 where nothing is known to be wrong.

        Returns:
            None for a component that is not there, or has no result yet.
        """
        now = self._clock.monotonic()
        with self._lock:
            if component is None:
                return self._overview.score(now)
            return self._overview.score_of(component, now)

    def critical_down(self) -> list[str]:
        """Return the critical components that are down, for which readiness fails."""
        with self._lock:
            return self._overview.critical_down(self._clock.monotonic())

    def flapping(self, component: str) -> bool:
        """Tell whether a component changes too often to be believed; False if there is none."""
        with self._lock:
            found = self._overview.components.get(component)
            return found is not None and found.flapping

    @overload
    def history(self) -> list[Snapshot]: ...
    @overload
    def history(self, component: str) -> list[CheckRecord]: ...
    def history(self, component: str | None = None) -> Any:
        """Return the results of a component's checks, or those of the whole, oldest first.

        Args:
            component: its name; None: the whole, every 5 s.

        Raises:
            KeyError: there is no such component; says near names.
        """
        with self._lock:
            if component is None:
                return list(self._overview.snapshots)
            if component == CircuitsTogether.name:
                return []  # they have snapshots, and no checks
            return list(self._found(component).records)

    def results_since(self, monotonic: float) -> list[CheckRecord]:
        """Return the results of all components after that moment, component by component."""
        with self._lock:
            return [
                record
                for component in self._overview.components.values()
                for record in component.results_since(monotonic)
            ]

    def clear_history(self, component: str | None = None) -> None:
        """Forget the results of a component's checks; its score and trend begin anew.

        Args:
            component: its name; None: all of them, and the history of the whole.

        Raises:
            KeyError: there is no such component; says near names.
        """
        now = self._clock.monotonic()
        with self._lock:
            if component is None:
                self._overview.clear(now)
            else:
                self._found(component).clear(now)

    def reset(self) -> None:
        """Forget all results, and who was alerted of what; the checks stay."""
        self.clear_history()
        self._changes.forget()

    def _found(self, component: str) -> Component:
        components = self._overview.components
        if component not in components:
            raise KeyError(f"no component {component!r}{did_you_mean(component, components)}")
        return components[component]

    # -- what others need ---------------------------------------------------------------------

    def verify(self, component: str) -> bool | None:
        """Run a component's checks now, and wait for them; for background threads only.

        Returns:
            True if all of them pass, False if one does not, takes too long, or hangs from
            before; None if the component has no check.

        Raises:
            RuntimeError: called on the event loop that the checks may need.
        """
        return self._watch.verify(component)

    async def verify_async(self, component: str) -> bool | None:
        """Do as `verify` does, without holding up the event loop."""
        import asyncio

        return await asyncio.to_thread(self.verify, component)

    def run_inside(self, component: str, wrap: Wrap) -> Callable[[], None]:
        """Run a component's checks as `wrap` makes of them, until what is returned is called.

        For experiments: their faults reach the checks so. One inside of another is left out.
        """
        return self._watch.run_inside(component, wrap)

    def alert(self, handler: H) -> H:
        """Call `handler(event)` when a component, or the whole, gets worse; a decorator.

        The event is that of `health_changed`. Handlers, sync or async, run off the caller's
        thread and may take their time. Of one component there is no second alert within
        `alert_interval`, unless it gets worse still; `event.data["held_back"]` counts those.
        """
        self._changes.handle(handler)
        return handler

    # -- settings -----------------------------------------------------------------------------

    def configure(self, settings: HealthSettings) -> None:
        """Put settings in force: all of them, or on an error none. What was found stays.

        Raises:
            ConfigurationError: they do not fit a check; those in force stay.
        """
        checks = self._watch.fitted(settings)
        with self._lock:
            self.settings = settings
            self._overview.adjust(settings)
            for check in checks.values():
                self._overview.put(check, self._clock.monotonic(), self._clock.time())
        self._watch.adjust(settings, checks)
        self._changes.adjust(settings)

    def check_settings(self, settings: HealthSettings) -> None:
        """Refuse settings that do not fit the checks, without putting them in force.

        Raises:
            ConfigurationError: says which.
        """
        self._watch.fitted(settings)

    def warn_of_unknown(self, *, only_near: bool) -> None:
        """Warn of settings for checks and components that do not exist.

        Args:
            only_near: leave out names that resemble none: those may be yet to come.
        """
        known = {
            "health check": [check.name for check in self.checks],
            "health component": [*self._overview.components, CircuitsTogether.name],
        }
        given = {"health check": self.settings.checks, "health component": self.settings.components}
        for kind, names in known.items():
            options = {name: dict.fromkeys(said, ("", "")) for name, said in given[kind].items()}
            Overrides(kind, options).warn_of_unknown(names, only_near=only_near)

    # -- background ---------------------------------------------------------------------------

    def _settle(self) -> None:
        """Give up runs whose time is up; see what changed because time passed."""
        now = self._clock.monotonic()
        self._watch.give_up(now)
        with self._lock:
            for change in self._overview.changes(now, self._clock.time()):
                self._changes.add(change)
        self._changes.tell()

    def _sample(self) -> None:
        with self._lock:
            self._overview.sample(self._clock.monotonic(), self._clock.time())

    def after_fork(self) -> None:
        """Begin anew in a forked child: no check runs here, and no lock is held."""
        self._lock = Lock()
        self._watch.after_fork()
        self._changes.after_fork()


def _place_of(frame: Any) -> str:
    """Return a line of code, as a name by which it is known again when it runs again."""
    return f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}:{frame.f_lineno}"


_all: weakref.WeakSet[Health] = weakref.WeakSet()


def _after_fork() -> None:
    for health in list(_all):
        health.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
