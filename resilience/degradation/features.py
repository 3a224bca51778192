"""What a feature is told: on or off, how important, how much of it at which level, for whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from resilience.core.checks import flag, mapping, number, plain, text
from resilience.core.names import did_you_mean
from resilience.degradation.levels import LEVELS, Level, as_level, below_normal
from resilience.errors import ConfigurationError, UnknownSettingError

Key = Callable[..., object]
Capability = Mapping[str, float] | Mapping[Level, float]

ALL = 100.0
"""Percent."""


@dataclass(frozen=True, slots=True)
class Feature:
    """Something an app can do without, for a time or for some.

    Args:
        name: 1 to 200 printable characters.
        enabled: False: off at every level, for everybody.
        priority: 0-100; of features without `off_at` those of low priority go off first, at the
            levels that the setting `degradation.levels` names (below 30 at reduced, below 60 at
            minimal, below 90 at emergency).
        off_at: the first level at which it is off; None: by priority.
        capability: `{level: percent 0-100}` of it that is left at that level and, unless it goes
            off, at deeper ones; what is not named is all of it. May only fall with the level.
        rollout: percent 0-100 of keys (of calls, where there is no key) that have it at all.
        key: function of a call's arguments, or of none outside of calls, that returns whose call
            it is (user, tenant); with one, the same keys have the feature every time.

    Raises:
        ConfigurationError: a value out of range, or two that contradict each other.
    """

    name: str
    enabled: bool = True
    priority: float = 50.0
    off_at: Level | str | None = None
    capability: Capability = field(default_factory=dict)
    rollout: float = ALL
    key: Key | None = None

    def __post_init__(self) -> None:
        text("feature name", self.name)
        subject = f"feature {self.name!r}: "
        for name, check in _CHECKS.items():
            value = getattr(self, name)
            if value is not None or name not in _OPTIONAL:
                object.__setattr__(self, name, check(subject + name, value))  # frozen
        if self.off_at is not None:
            _refuse_capability_when_off(subject, self.capability, Level(self.off_at))

    def __hash__(self) -> int:
        return hash(self.name)  # a dict, `capability` has no hash

    @classmethod
    def of(cls, name: str, options: Mapping[str, Any]) -> Feature:
        """Return a feature with `options` over the defaults.

        Raises:
            UnknownSettingError: an option has no such name; says near names.
            ConfigurationError: a value is out of range.
        """
        known = [each.name for each in fields(cls) if each.name != "name"]
        for option in mapping(f"feature {name!r}", options):
            if option not in known:
                meant = did_you_mean(option, known)
                raise UnknownSettingError(f"feature {name!r}: unknown setting {option!r}{meant}")
        return cls(name, **options)

    def options(self) -> dict[str, Any]:
        """Return what differs from the defaults, as `of` takes it."""
        default = Feature(self.name)
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in given.items() if value != getattr(default, name)}

    def left_at(self, level: Level, floors: Mapping[str, float]) -> float:
        """Return the percent 0-100 of it that is left at `level`, switches and rollout aside.

        Args:
            level: the level of service.
            floors: `{level: priority}` below which features without `off_at` are off there.
        """
        named = [(each, left) for each, left in self.capability.items() if each <= level]
        left = max(named)[1] if named else ALL
        if self.off_at is not None:
            return 0.0 if level >= self.off_at else left
        # A percentage for this level, or a deeper one, says that something of it is to be left.
        if level is Level.NORMAL or any(each >= level for each in self.capability):
            return left
        return 0.0 if self.priority < floors[level] else left


def percent(setting: str, value: Any) -> float:
    """Return `value` if it is a percentage, 0-100."""
    return number(setting, value, most=ALL)


def _capability(setting: str, value: Any) -> Mapping[Level, float]:
    given = {
        as_level(f"{setting} level", level): percent(f"{setting} at {level}", left)
        for level, left in mapping(setting, value).items()
    }
    ordered = {level: given[level] for level in LEVELS if level in given}
    before: tuple[Level, float] | None = None
    for level, left in ordered.items():
        if before is not None and left > before[1]:
            raise ConfigurationError(
                f"{setting}: {left:g} at {level} is above {before[1]:g} at {before[0]}: "
                f"it may only fall from {LEVELS[0]} to {LEVELS[-1]}"
            )
        before = (level, left)
    return ordered


def _refuse_capability_when_off(subject: str, capability: Capability, off_at: Level) -> None:
    for level, left in capability.items():
        if level >= off_at and left > 0:
            raise ConfigurationError(
                f"{subject}capability {left:g} at {level}, and off_at={str(off_at)!r}: "
                f"it is off there; give one of both"
            )


_OPTIONAL = {"off_at", "key"}
_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "enabled": flag,
    "priority": percent,
    "off_at": below_normal,
    "capability": _capability,
    "rollout": percent,
    "key": plain,
}
