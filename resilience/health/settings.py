"""The settings of health: how often to look, and what to make of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

from resilience.core.checks import duration, flag, mapping, number, one_of, seconds, share, whole
from resilience.core.names import as_variable, did_you_mean
from resilience.core.section import Check, Section
from resilience.errors import ConfigurationError, UnknownSettingError

ByName = Mapping[str, Mapping[str, Any]]
"""`{name: {option: value}}`"""

CRITICALITIES = ("low", "medium", "high", "critical")
TIMEOUT = 1.0  # seconds
SHORTEST_INTERVAL = 0.1  # seconds: who looks more often does nothing else

percent = partial(number, most=100.0)


def interval(setting: str, value: Any) -> float:
    """Return `value` if it is seconds from 0.1 (a number, or a `timedelta`)."""
    checked = seconds(setting, value)
    if checked < SHORTEST_INTERVAL:
        raise ConfigurationError(f"{setting}={value!r}: give at least {SHORTEST_INTERVAL} s")
    return checked


OF_A_CHECK: Mapping[str, Check] = {
    "criticality": one_of(*CRITICALITIES),
    "interval": interval,
    "timeout": seconds,
    "slow_after": seconds,
}
"""What settings can say about one check, over what the code says."""

OF_A_COMPONENT: Mapping[str, Check] = {"warning": percent, "critical": percent, "fatal": percent}
"""What settings can say about one component."""


def check_fit(subject: str, options: Mapping[str, Any]) -> None:
    """Refuse a time limit longer than the interval, and a slowness that the limit cuts off.

    Raises:
        ConfigurationError: says which two do not fit.
    """
    every, limit = options.get("interval"), options.get("timeout")
    if every is not None and limit is not None and limit > every:
        raise ConfigurationError(
            f"{subject}: timeout={limit:g}: give at most its interval, {every:g} s"
        )
    slow = options.get("slow_after")
    if slow is not None and limit is not None and slow >= limit:
        raise ConfigurationError(
            f"{subject}: slow_after={slow:g}: give less than its timeout, {limit:g} s"
        )


def check_order(subject: str, thresholds: Mapping[str, float]) -> None:
    """Refuse thresholds in the wrong order.

    Raises:
        ConfigurationError: says which, and the order.
    """
    given = [(name, thresholds[name]) for name in OF_A_COMPONENT if name in thresholds]
    for (higher, above), (lower, below) in pairwise(given):
        if above <= below:
            raise ConfigurationError(
                f"{subject}: {higher}={above:g} and {lower}={below:g}: "
                "give warning > critical > fatal"
            )


def _channels(setting: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigurationError(f"{setting}={value!r}: give a list of channels")
    channels = tuple(value)
    for each in channels:
        if each != "log" and not (isinstance(each, str) and "://" in each):
            raise ConfigurationError(
                f'{setting}: {each!r}: give "log" or an Apprise URL such as "slack://…"; '
                "for a function of the app there is @system.health.alert"
            )
    if any(each != "log" for each in channels):
        from resilience.notify import Channels

        Channels(channels)  # refuses a URL that Apprise cannot read
    return channels


@dataclass(frozen=True, slots=True)
class HealthSettings(Section):
    """How often to look at the components, and what to make of it.

    Args:
        enabled: run the checks.
        interval: seconds, >= 0.1, from one run of a check to the next, where it has no own.
        timeout: seconds, > 0, a check may take, where it has no own; at most the interval.
        window: seconds, > 0, that availability is taken over; at least a check's last 20 results.
        rise: better results in a row, >= 1, that make a check better.
        fall: worse results in a row, >= 1, that make it worse.
        flap_share: share 0-1 of the last 20 results that, when more of them differ from the one
            before, freezes a check in its worst state; 1: never.
        warning: availability in percent below which a component degrades ...
        critical: ... becomes critical, less than `warning` ...
        fatal: ... and is as good as down, less than `critical`.
        retention: seconds, >= 0, that results are kept in memory.
        history_size: results, >= 1, kept for each component at most.
        alert_on_degradation: tell the channels and alert handlers when a component gets worse.
        alert_channels: "log", and Apprise URLs such as "slack://…" (extra `notify`).
        alert_interval: seconds, >= 0, in which a component is not alerted about again unless it
            gets worse still.
        checks: `{check: {interval, timeout, slow_after, criticality}}`, over what the code says.
        components: `{component: {warning, critical, fatal}}`, over the thresholds above.
    """

    TITLE: ClassVar[str] = "health"
    CHECKS: ClassVar[Mapping[str, Check]] = {
        "enabled": flag,
        "interval": interval,
        "timeout": seconds,
        "window": seconds,
        "rise": whole,
        "fall": whole,
        "flap_share": share,
        "warning": percent,
        "critical": percent,
        "fatal": percent,
        "retention": duration,
        "history_size": whole,
        "alert_on_degradation": flag,
        "alert_channels": _channels,
        "alert_interval": duration,
        "checks": lambda setting, value: _by_name(setting, value, OF_A_CHECK),
        "components": lambda setting, value: _by_name(setting, value, OF_A_COMPONENT),
    }

    MERGED: ClassVar[tuple[str, ...]] = ("checks", "components")

    enabled: bool = True
    interval: float = 5.0
    timeout: float = TIMEOUT
    window: float = 120.0
    rise: int = 2
    fall: int = 3
    flap_share: float = 0.3
    warning: float = 95.0
    critical: float = 80.0
    fatal: float = 50.0
    retention: float = 86_400.0
    history_size: int = 1000
    alert_on_degradation: bool = True
    alert_channels: tuple[str, ...] = ("log",)
    alert_interval: float = 300.0
    checks: ByName = field(default_factory=dict)
    components: ByName = field(default_factory=dict)

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        if self.timeout != TIMEOUT:  # the default one gives way to a shorter interval
            check_fit("health", {"interval": self.interval, "timeout": self.timeout})
        check_order("health", self.thresholds())
        for name, options in self.checks.items():
            check_fit(f"health: check {name!r}", options)
        for name in self.components:
            check_order(f"health: component {name!r}", self.thresholds(name))

    def of_check(self, name: str) -> Mapping[str, Any]:
        """Return what is said about a check; its name may be spelled as variables spell it."""
        return _said_of(name, self.checks)

    def thresholds(self, component: str | None = None) -> dict[str, float]:
        """Return `{"warning": percent, "critical": percent, "fatal": percent}` of a component."""
        own = _said_of(component, self.components) if component is not None else {}
        return {"warning": self.warning, "critical": self.critical, "fatal": self.fatal, **own}


def _said_of(name: str, table: ByName) -> dict[str, Any]:
    return {**table.get(as_variable(name).lower(), {}), **table.get(name, {})}


def _by_name(setting: str, value: Any, allowed: Mapping[str, Check]) -> dict[str, dict[str, Any]]:
    """Return `{name: {option: value}}` with every option checked."""
    return {
        name: _checked(f"{setting}.{name}", options, allowed)
        for name, options in mapping(setting, value).items()
    }


def _checked(where: str, options: Any, allowed: Mapping[str, Check]) -> dict[str, Any]:
    checked = {}
    for option, value in mapping(where, options).items():
        if option not in allowed:
            raise UnknownSettingError(
                f"{where}: unknown setting {option!r}{did_you_mean(option, allowed)}"
            )
        checked[option] = allowed[option](f"{where}: {option}", value)
    return checked
