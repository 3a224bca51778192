"""All retries of a system: what they draw on, and their settings by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary, WeakSet

from resilience.core.kinds import Kind
from resilience.core.overrides import Given, Overrides
from resilience.core.runtime import Homed, Runtime
from resilience.errors import ConfigurationError
from resilience.strategies.attempts import RetryPlan
from resilience.strategies.budget import Budget, Budgets
from resilience.strategies.retry_settings import RetrySettings


class Limit(Protocol):
    """The time limit of one attempt.

    Args:
        seconds: > 0.
    """

    @property
    def seconds(self) -> float:
        """Seconds, > 0."""
        ...


SecondsOf = Callable[[Any], float]


class _Told(NamedTuple):
    """What a retry was told: its options, who told it, and what it is for.

    Args:
        limit: how long each attempt may take; None: as long as it likes.
        kind: of the function.
    """

    options: Mapping[str, Any]
    subject: str
    limit: Limit | None
    kind: Kind


class Retries(Homed):
    """The retries of one system.

    They are known by their circuit's name; those of functions without one by `module.qualname`.
    Several may have one name, each with what its own decorator says: they share a budget, and
    settings by name lie over all of them.
    """

    def __init__(self, runtime: Runtime) -> None:
        super().__init__()
        self.runtime = runtime
        self.budgets = Budgets(runtime)
        self._told: WeakKeyDictionary[RetryPlan, _Told] = WeakKeyDictionary()
        self._overrides = Overrides("retry")
        self._lock = Lock()
        _registries.add(self)

    def plan(
        self,
        name: str,
        options: Mapping[str, Any],
        *,
        subject: str = "@retry",
        budget: Budget | None = None,
        limit: Limit | None = None,
        kind: Kind = Kind.SYNC,
    ) -> RetryPlan:
        """Return the plan that a decorator, or a `Retry`, describes.

        Args:
            name: what it is known by.
            options: the settings of `RetrySettings` that it was given.
            subject: what errors call it.
            budget: what it draws on; default: the budget of its name.
            limit: how long each attempt may take.
            kind: of the function; items of generators cannot be judged.

        Raises:
            ConfigurationError: a setting is refused, one attempt has more time than all, or
                results are to be judged where there are none.
        """
        told = _Told(options, subject, limit, kind)
        with self._lock:
            settings = _effective(name, told, self._overrides, _seconds)
            plan = RetryPlan(self.runtime, name, budget or self.budgets.of(name), settings)
            self._told[plan] = told
        return plan

    def prepare(self, given: Given, seconds_of: SecondsOf) -> Callable[[], None]:
        """Return what puts settings by name in force, over what decorators say.

        Args:
            given: `{name: {setting: (value, where it came from)}}`.
            seconds_of: returns the seconds that a limit of one attempt is to have.

        Raises:
            UnknownSettingError, ConfigurationError: names retry and setting.
        """
        overrides = Overrides("retry", given)
        for name, options in overrides:
            RetrySettings.check(options, f"retry {name!r}")
        with self._lock:
            effective = {
                plan: _effective(plan.component, told, overrides, seconds_of)
                for plan, told in list(self._told.items())
            }

        def commit() -> None:
            with self._lock:
                self._overrides = overrides
                for plan, told in list(self._told.items()):
                    settings = effective.get(plan)  # none: it was made meanwhile
                    settings = settings or _effective(plan.component, told, overrides, _seconds)
                    plan.reconfigure(settings)

        return commit

    def origins(self, plan: RetryPlan) -> dict[str, tuple[Any, str]]:
        """Return `{setting: (value in force, where it came from)}` of a retry."""
        options = self._told[plan].options
        return {
            name: (
                getattr(plan.settings, name),
                self._overrides.source(plan.component, name, options),
            )
            for name in RetrySettings.CHECKS
        }

    def warn_of_unknown(self, *, only_near: bool = False) -> None:
        """Warn of settings for retries that do not exist.

        Args:
            only_near: leave out names that resemble no retry: those may be yet to come.
        """
        with self._lock:
            known = {plan.component for plan in list(self._told)}
        self._overrides.warn_of_unknown(known, only_near=only_near)

    def after_fork(self) -> None:
        """Replace the lock; one held at the fork stays locked for ever."""
        self._lock = Lock()

    def reset(self) -> None:
        """Forget all calls and retries that budgets count."""
        self.budgets.reset()


def _seconds(limit: Limit) -> float:
    return limit.seconds


def _effective(
    name: str, told: _Told, overrides: Overrides, seconds_of: SecondsOf
) -> RetrySettings:
    over = overrides.over(name, told.options)
    subject = told.subject if over == told.options else f"retry {name!r}"
    settings = RetrySettings.of(over, subject)
    if settings.on_result is not None and told.kind in (Kind.GENERATOR, Kind.ASYNC_GENERATOR):
        raise ConfigurationError(
            f"on_result on the {told.kind.value} {name}: its items are not judged; leave it out"
        )
    one = None if told.limit is None else seconds_of(told.limit)
    if one is not None and settings.timeout is not None and one > settings.timeout:
        raise ConfigurationError(
            f"{name}: @timeout({one:g}) for one attempt is above "
            f"@retry(timeout={settings.timeout:g}) for all of them"
        )
    return settings


_registries: WeakSet[Retries] = WeakSet()


def _after_fork() -> None:
    for retries in list(_registries):
        retries.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
