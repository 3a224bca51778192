"""What the healer can be told, checked when it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from resilience.core.categories import CATEGORIES, DATABASE, NETWORK, SERVICE
from resilience.core.checks import duration, flag, mapping, seconds, whole
from resilience.core.names import did_you_mean
from resilience.core.section import Check, Section
from resilience.errors import ConfigurationError

ACTION = "action"
RETRY = "retry"
DEGRADE = "degrade"
ESCALATION = "escalation"

NAMES = (ACTION, RETRY, DEGRADE, ESCALATION)
"""Strategies that need no more than their name."""

_NEEDS = {
    "fallback": "something to answer with: give a Fallback(…)",
    "restore": "a checkpoint: give a Restore(…)",
}

PASSING = (NETWORK, DATABASE, SERVICE)
"""Categories of trouble that another attempt may find gone."""

Strategies = tuple[Any, ...]


def strategies(setting: str, value: Any) -> Strategies:
    """Return one or several strategies, as names or objects, in the order they are tried.

    Raises:
        ConfigurationError: one is neither a known name nor an object with `call` and
            `call_async`.
    """
    given = value if isinstance(value, list | tuple) else (value,)
    for each in given:
        _check(setting, each)
    if not given:
        raise ConfigurationError(f"{setting}={value!r}: give at least one strategy")
    return tuple(given)


def _check(setting: str, strategy: Any) -> None:
    if isinstance(strategy, str):
        if strategy in NAMES:
            return
        if strategy in _NEEDS:
            raise ConfigurationError(f"{setting}: {strategy!r} needs {_NEEDS[strategy]}")
        known = (*NAMES, *_NEEDS)
        raise ConfigurationError(
            f"{setting}: unknown strategy {strategy!r}{did_you_mean(strategy, known)}"
        )
    is_object = not isinstance(strategy, type)
    if is_object and all(callable(getattr(strategy, name, None)) for name in _METHODS):
        return
    raise ConfigurationError(
        f"{setting}={strategy!r}: give {', '.join(NAMES)}, or a Retry, Fallback, Restore, "
        f"Escalation, or another object with call and call_async"
    )


_METHODS = ("call", "call_async")


def category(setting: str, value: Any) -> str:
    """Return `value` if it is one of the categories."""
    if isinstance(value, str) and value in CATEGORIES:
        return value
    raise ConfigurationError(
        f"{setting}: unknown category {value!r}{did_you_mean(value, CATEGORIES)}"
    )


def _strategy_map(setting: str, value: Any) -> Mapping[str, Strategies]:
    return {
        category(setting, each): strategies(f"{setting}[{each!r}]", given)
        for each, given in mapping(setting, value).items()
    }


def _channels(setting: str, value: Any) -> tuple[str, ...]:
    if value in (["log"], ("log",)):
        return ("log",)
    from resilience.notify import Channels  # not needed by those who keep the default

    try:
        Channels(value)
    except ConfigurationError as error:
        raise ConfigurationError(f"{setting}: {error}") from None
    return tuple(value)


@dataclass(frozen=True, slots=True)
class HealerSettings(Section):
    """When and how failed components are recovered.

    Args:
        enabled: False: `@heal` passes calls through, and no failure is recorded.
        auto_recover: False: failures are recorded, and recovered only by `healer.recover`.
        max_concurrent_recoveries: how many components, >= 1, are recovered at once.
        recovery_timeout: seconds, > 0, that one recovery may take.
        default_strategy: what is tried where `strategy_map` names nothing: a strategy or a list
            of them, in order. None: "action", and then "retry" where the category is network,
            database or service.
        strategy_map: `{category: strategy or list of them}`. A strategy is "action" (what
            `healer.action` registered), "retry", "degrade", "escalation", or an object such as
            `Restore(…)`.
        escalation_threshold: failed recoveries in a row, >= 1, after which people are told; the
            last but one degrades the app. A critical failure needs one.
        health_check_interval: seconds, > 0, between two looks at components that failed: whether
            they are well again, or due for another recovery.
        intensity: recoveries of one component, >= 1, within `intensity_period`; the next one is
            not made, and people are told.
        intensity_period: seconds, > 0.
        cool_down: seconds, >= 0, after a recovery that did not help, before the next one.
        max_wait: seconds, >= 0, that a failed call waits for the recovery of its component.
        channels: whom escalations tell: "log", Apprise URLs, names that handlers serve.
        history: how many recoveries, >= 1, are remembered.

    Raises:
        UnknownSettingError, ConfigurationError: a value is refused; says what is allowed.
    """

    TITLE: ClassVar[str] = "healer"
    CHECKS: ClassVar[Mapping[str, Check]] = {
        "enabled": flag,
        "auto_recover": flag,
        "max_concurrent_recoveries": whole,
        "recovery_timeout": seconds,
        "default_strategy": strategies,
        "strategy_map": _strategy_map,
        "escalation_threshold": whole,
        "health_check_interval": seconds,
        "intensity": whole,
        "intensity_period": seconds,
        "cool_down": duration,
        "max_wait": duration,
        "channels": _channels,
        "history": whole,
    }

    enabled: bool = True
    auto_recover: bool = True
    max_concurrent_recoveries: int = 10
    recovery_timeout: Any = 30.0
    default_strategy: Any = None
    strategy_map: Mapping[str, Any] = field(default_factory=dict)
    escalation_threshold: int = 3
    health_check_interval: Any = 5.0
    intensity: int = 3
    intensity_period: Any = 300.0
    cool_down: Any = 10.0
    max_wait: Any = 5.0
    channels: tuple[str, ...] = ("log",)
    history: int = 1000

    def strategies_for(self, failed: str) -> Strategies:
        """Return what is tried after a failure of that category, in order."""
        mapped: Strategies | None = self.strategy_map.get(failed)
        if mapped is not None:
            return mapped
        if self.default_strategy is not None:
            chosen: Strategies = self.default_strategy
            return chosen
        return (ACTION, RETRY) if failed in PASSING else (ACTION,)
