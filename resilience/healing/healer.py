"""The healer: hears of failures, and recovers what failed."""

from __future__ import annotations

import os
import weakref
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from resilience.core import rescue
from resilience.core.checks import text
from resilience.core.guard import name_of
from resilience.core.runtime import Homed, Runtime
from resilience.errors import ConfigurationError
from resilience.healing.actions import Action, ActionOptions
from resilience.healing.care import Care, Terms
from resilience.healing.failures import Failure
from resilience.healing.failures import severity as checked_severity
from resilience.healing.functions import LONGEST_NAME, FunctionAction
from resilience.healing.means import Means
from resilience.healing.records import Recovery, Statistics
from resilience.healing.recoveries import Recoveries
from resilience.healing.rounds import Rounds
from resilience.healing.settings import HealerSettings
from resilience.healing.settings import category as checked_category
from resilience.healing.surroundings import Surroundings
from resilience.notify import Handler

if TYPE_CHECKING:
    from resilience.healing.watch import WatchfulAction

A = TypeVar("A", bound=Action)
F = TypeVar("F", bound=Callable[[], Any])
H = TypeVar("H", bound=Handler)
R = TypeVar("R")
W = TypeVar("W", bound="WatchfulAction")


class Healer(Homed):
    """Recovers the components of one system.

    Args:
        runtime: its system's clock, chance, events and background engine.
        around: its ways to the rest of the system; default: none.
    """

    def __init__(self, runtime: Runtime, around: Surroundings | None = None) -> None:
        super().__init__()
        self._means = Means(runtime, around or Surroundings())
        self.recoveries = Recoveries(self._means)
        interval = self._means.settings.health_check_interval
        rounds = Rounds(self._means, self.recoveries)
        self._duty = runtime.engine.every(interval, rounds.begin, name="healer", first=interval)
        _healers.add(self)

    # -- use ----------------------------------------------------------------------------------

    def run(
        self,
        component: str,
        fn: Callable[..., R],
        /,
        *args: Any,
        category: str | None = None,
        severity: str = "medium",
        **kwargs: Any,
    ) -> R:
        """Return `fn(*args, **kwargs)`; if it fails, recover its component and make it again.

        Args:
            component: what it calls; 1 to 200 printable characters.
            fn: what may be called a second time.
            args: its arguments.
            category: what kind of trouble its failures are; None: found from each exception.
            severity: "low", "medium", "high" or "critical".
            kwargs: its keyword arguments.

        Raises:
            ConfigurationError: an unknown category or severity.
            Exception: the call's own, whatever goes wrong while recovering.
        """
        care = self._care(component, fn, category, severity)
        result: R = rescue.call_sync(care, fn, args, kwargs)
        return result

    @overload
    async def run_async(
        self,
        component: str,
        fn: Callable[..., Awaitable[R]],
        /,
        *args: Any,
        category: str | None = None,
        severity: str = "medium",
        **kwargs: Any,
    ) -> R: ...
    @overload
    async def run_async(
        self,
        component: str,
        fn: Callable[..., R],
        /,
        *args: Any,
        category: str | None = None,
        severity: str = "medium",
        **kwargs: Any,
    ) -> R: ...
    async def run_async(
        self,
        component: str,
        fn: Callable[..., Any],
        /,
        *args: Any,
        category: str | None = None,
        severity: str = "medium",
        **kwargs: Any,
    ) -> Any:
        """Return what `fn(*args, **kwargs)` returns, awaited where it can be; see `run`."""
        care = self._care(component, fn, category, severity)
        return await rescue.call_async(care, fn, args, kwargs)

    def failed(
        self,
        component: str,
        name: str,
        error: BaseException | str,
        severity: str = "medium",
        *,
        category: str | None = None,
    ) -> Failure:
        """Hear of a failure that was detected by other means; recover the component.

        Returns at once: the recovery runs in the background.

        Args:
            component: what failed; 1 to 200 printable characters.
            name: which part of it, or what was being done.
            error: what was raised, or in words what is wrong.
            severity: "low", "medium", "high" or "critical".
            category: what kind of trouble it is; None: found from the exception.

        Raises:
            ConfigurationError: an unknown severity or category, or neither exception nor words.
        """
        clock = self._means.runtime.clock
        failure = Failure.of(component, name, error, severity, category, clock)
        if self._means.settings.enabled and self._means.runtime.active:
            found = self.recoveries.component(component)
            incident, _ = self.recoveries.note(found, failure, error)
            if self._means.settings.auto_recover:
                self.recoveries.attend_to(found, incident)
        return failure

    def recover(self, component: str) -> bool:
        """Recover a component now, whatever cool-downs, limits or an earlier stop say.

        Returns:
            Whether a recovery goes on, or waits for its turn; False: it is well, or there is
            nothing to try.
        """
        found = self.recoveries.component(component)
        self.resume(component)
        for action in self.actions(component):
            action.enable()
        return self.recoveries.begin(found, urgent=True) is not None

    def resume(self, component: str) -> None:
        """Let a component be recovered again that was stopped, or asks for somebody to act."""
        self.recoveries.resume(self.recoveries.component(component))

    # -- what recovers what -------------------------------------------------------------------

    @overload
    def action(self, component: A, /) -> A: ...
    @overload
    def action(
        self,
        component: str,
        *,
        measure: Callable[[], Any] | None = None,
        **options: Unpack[ActionOptions],
    ) -> Callable[[F], F]: ...
    def action(self, component: Any, *, measure: Any = None, **options: Any) -> Any:
        """Register what recovers a component; the first one that applies is tried first.

        Write `@healer.action("database")` on a function without arguments, sync or async, or
        give an `Action`. An action of the same name for the same component takes the place of
        the earlier one.

        Args:
            component: the component's name, or an `Action`.
            measure: returns a plain value that the function changes, such as a count.
            options: those of `Action`.

        Raises:
            UnknownSettingError, ConfigurationError: an option is refused, or it is no function.
        """
        if isinstance(component, Action):
            return self._add(component)
        if not isinstance(component, str):
            raise ConfigurationError(
                f"action({component!r}): give a component's name, as in "
                f'@system.healer.action("database"), or an Action'
            )

        def register(act: Any) -> Any:
            self._add(FunctionAction(component, act, measure=measure, **options))
            return act

        # What is wrong with them is refused on the decorator's own line.
        named: dict[str, Any] = {"name": component, **options}
        FunctionAction(component, _nothing, measure=measure, **named)
        return register

    def watch(self, action: W, *, every: Any = 5.0, severity: str = "medium") -> W:
        """Register an action that is due by a condition, and look at that every so often.

        Args:
            action: a `WatchfulAction`, such as those of `resilience.healing.repairs`.
            every: seconds, > 0 (a number, or a `timedelta`).
            severity: "low", "medium", "high" or "critical".

        Raises:
            ConfigurationError: it is no such action, or a value is refused.
        """
        from resilience.healing.watch import Watch, WatchfulAction

        if not isinstance(action, WatchfulAction):
            raise ConfigurationError(
                f"watch({action!r}): give a WatchfulAction, which says when it is due"
            )
        watch = Watch(self._means, action, severity)
        name = f"watching {action.component}"
        self._means.runtime.engine.every(every, watch.look, name=name, blocking=True)
        return self._add(action)

    def actions(self, component: str) -> tuple[Action, ...]:
        """Return what is registered for a component, in the order it is tried."""
        return tuple(self._means.actions.get(component, ()))

    def handler(self, channel: str) -> Callable[[H], H]:
        """Register what serves a channel of the settings: `@healer.handler("slack")`.

        The function is called `handler(text, context)` in the background, and may be async.

        Raises:
            ConfigurationError: the setting `channels` names no such channel, or it is no
                function.
        """
        self._means.alarm.channels.expect(channel)

        def register(handler: H) -> H:
            self._means.handle(channel, handler)
            return handler

        return register

    # -- what became of it --------------------------------------------------------------------

    def statistics(self) -> Statistics:
        """Return the numbers of failures and recoveries, in all, by component and category."""
        ill = tuple(each.name for each in self.recoveries.open())
        return self._means.book.statistics(ill)

    def history(self, component: str | None = None) -> list[Recovery]:
        """Return the last recoveries, of one component or of all, oldest first."""
        return self._means.book.history(component)

    def clear_history(self, before: float | datetime | None = None) -> int:
        """Forget recoveries; returns how many.

        Args:
            before: forget those that ended before this time (seconds since 1970-01-01 UTC, or a
                `datetime`); None: all of them, and the statistics.

        Raises:
            ConfigurationError: it is no time.
        """
        return self._means.book.clear(before)

    # -- settings -----------------------------------------------------------------------------

    @property
    def settings(self) -> HealerSettings:
        """The settings in force."""
        return self._means.settings

    def configure(self, settings: HealerSettings) -> None:
        """Put settings in force; recoveries that go on keep theirs."""
        self._means.configure(settings)
        self._duty.interval = settings.health_check_interval

    def reset(self) -> None:
        """Forget all failures, recoveries and numbers; actions and settings stay."""
        self.recoveries.reset()
        self._means.reset()

    def care(self, component: str, terms: Terms) -> Care:
        """Return what decides about the failures of a function that is decorated."""
        found = self.recoveries.component(component, pinned=True)
        return Care(self._means, self.recoveries, found, terms)

    def after_fork(self) -> None:
        """Begin in a forked child with nothing going on."""
        self._means.book.after_fork()
        self.recoveries.after_fork()

    def _care(self, component: str, fn: Any, category: str | None, severity: str) -> Care:
        terms = Terms(
            name_of(fn)[:LONGEST_NAME],
            None if category is None else checked_category("run", category),
            checked_severity("severity", severity),
        )
        found = self.recoveries.component(text("component", component))
        return Care(self._means, self.recoveries, found, terms)

    def _add(self, action: A) -> A:
        if action.clock is None:
            action.clock = self._means.runtime.clock
        others = [each for each in self.actions(action.component) if each.name != action.name]
        self._means.actions[action.component] = [*others, action]
        return action


def _nothing() -> None:
    """Stand in for a function that is not known yet."""


_healers: weakref.WeakSet[Healer] = weakref.WeakSet()


def _after_fork() -> None:
    for healer in list(_healers):
        healer.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
