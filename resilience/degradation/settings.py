"""What settings by name say of levels, rules and features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar

from resilience.core.checks import flag, mapping, seconds, text
from resilience.core.section import Check, Section
from resilience.errors import ConfigurationError


def _levels(setting: str, value: Any) -> Mapping[str, float]:
    from resilience.degradation.features import percent  # whoever degrades loads it
    from resilience.degradation.levels import LEVELS, below_normal

    given = {
        below_normal(f"{setting}: level", level): percent(f"{setting}: {level}", floor)
        for level, floor in mapping(setting, value).items()
    }
    floors: dict[str, float] = {each: given.get(each, _FLOORS[each]) for each in LEVELS[1:]}
    for milder, deeper in pairwise(LEVELS[1:]):
        if floors[milder] > floors[deeper]:
            raise ConfigurationError(
                f"{setting}: {floors[milder]:g} at {milder} is above {floors[deeper]:g} at "
                f"{deeper}: what is off at one level is off at deeper ones"
            )
    return floors


def _features(setting: str, value: Any) -> Mapping[str, Mapping[str, Any]]:
    if not value and isinstance(value, Mapping | list | tuple):
        return {}
    from resilience.degradation.features import Feature

    listed = isinstance(value, list | tuple)
    named = _by_name(setting, value) if listed else mapping(setting, value)
    found: dict[str, Mapping[str, Any]] = {}
    for name, options in named.items():
        if isinstance(options, Feature):
            found[name] = options.options()
        else:
            Feature.of(name, mapping(f"{setting}.{name}", options))
            found[name] = options
    return found


def _by_name(setting: str, features: Iterable[Any]) -> dict[str, Any]:
    """Return listed features, `Feature`s or tables with a name, by their names."""
    from resilience.degradation.features import Feature

    found: dict[str, Any] = {}
    for each in features:
        options: Any = each
        if isinstance(each, Feature):
            name = each.name
        else:
            options = dict(mapping(f"{setting}: feature", each))
            name = text(f"{setting}: feature name", options.pop("name", None))
        if name in found:
            raise ConfigurationError(f"{setting}: feature {name!r} is there twice: give it once")
        found[name] = options
    return found


def _rules(setting: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ConfigurationError(f"{setting}={value!r}: give a list of rules, each a table")
    if not value:
        return ()
    from resilience.degradation.rules import Rule

    return tuple(Rule.of(each) for each in value)


_FLOORS: Mapping[str, float] = {"reduced": 30.0, "minimal": 60.0, "emergency": 90.0}


@dataclass(frozen=True, slots=True)
class DegradationSettings(Section):
    """When the app steps down by itself, and what is off then.

    Args:
        enabled: False: only operators change the level; no rule does, and no healer.
        check_interval: seconds, > 0, between two looks at the metrics of rules.
        forced_for: seconds, > 0, that an operator's order lasts if its giver does not say.
        levels: `{level: priority 0-100}` below which features without `off_at` are off; never
            falls from one level to the next. What is not named keeps its default.
        features: `{feature: {setting: value}}`, settings as `Feature` takes them; or a list of
            `Feature`s, or of such tables with a `name`.
        rules: `Rule`s, or dicts of their arguments.
    """

    TITLE: ClassVar[str] = "degradation"
    CHECKS: ClassVar[Mapping[str, Check]] = {
        "enabled": flag,
        "check_interval": seconds,
        "forced_for": seconds,
        "levels": _levels,
        "features": _features,
        "rules": _rules,
    }

    ADDED: ClassVar[tuple[str, ...]] = ("rules",)

    enabled: bool = True
    check_interval: float = 1.0
    forced_for: float = 3600.0
    levels: Mapping[str, float] = field(default_factory=lambda: _FLOORS)
    features: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rules: tuple[Any, ...] = ()
