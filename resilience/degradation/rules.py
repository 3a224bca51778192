"""Rules: at which number the app steps down, and at which it may step up again."""

from __future__ import annotations

import operator as operators
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import inf
from typing import Any

from resilience.core.checks import duration, mapping, number, text
from resilience.core.names import did_you_mean
from resilience.degradation.levels import Level, below_normal
from resilience.degradation.metrics import RANGES
from resilience.errors import ConfigurationError, UnknownSettingError

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
    "==": operators.eq,
    "!=": operators.ne,
}
"""What a rule may compare by."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`metric operator value` for `for_` seconds leads to `level`.

    Args:
        metric: one of `metrics.BUILT_IN`, or a registered one; `name:part` for one route or
            circuit.
        operator: one of `OPERATORS`.
        value: what the metric is compared with.
        level: where it leads to, any but normal.
        features: the features it is about, which then are as they would be at `level`; none: it is
            the app's level.
        for_: seconds, >= 0, that it has to hold.
        clear: the value at which it is over, on the good side of `value`; None: `value` itself.
        clear_for: seconds, >= 0, that it has to be over, for each level back.

    Raises:
        ConfigurationError: a value out of range, or thresholds in the wrong order.
    """

    metric: str
    operator: str
    value: float
    level: Level | str
    features: Sequence[str] = ()
    for_: float = 5.0
    clear: float | None = None
    clear_for: float = 60.0

    def __post_init__(self) -> None:
        text("rule: metric", self.metric)
        subject = f"rule on {self.metric!r}: "
        for name, check in _CHECKS.items():
            value = getattr(self, name)
            if value is not None or name != "clear":
                object.__setattr__(self, name, check(subject + name, value))  # frozen
        _check_range(self.metric, f"{subject}value", self.value)
        self._check_order(subject)

    def __str__(self) -> str:
        return f"{self.metric} {self.operator} {self.value:g}"

    @classmethod
    def of(cls, options: Any) -> Rule:
        """Return the rule that a dict describes; `for` may be written for `for_`.

        Raises:
            UnknownSettingError: an option has no such name; says near names.
            ConfigurationError: one is missing, or a value out of range.
        """
        if isinstance(options, cls):
            return options
        given = dict(mapping("rule", options))
        if "for" in given:
            given["for_"] = given.pop("for")
        known = [each.name for each in fields(cls)]
        for name in given:
            if name not in known:
                raise UnknownSettingError(
                    f"rule: unknown setting {name!r}{did_you_mean(name, known)}"
                )
        missing = [name for name in known[:4] if name not in given]
        if missing:
            raise ConfigurationError(f"rule {given!r}: give its {', '.join(missing)}, too")
        return cls(**given)

    @property
    def leads_to(self) -> Level:
        """The level that it leads to."""
        return Level(self.level)

    def holds(self, value: float) -> bool:
        """Tell whether the metric's value is one that the rule is about."""
        return OPERATORS[self.operator](value, self.value)

    def is_clear(self, value: float) -> bool:
        """Tell whether the metric's value is good again."""
        limit = self.value if self.clear is None else self.clear
        return not OPERATORS[self.operator](value, limit)

    def _check_order(self, subject: str) -> None:
        if self.clear is None:
            return
        if self.operator in ("==", "!="):
            raise ConfigurationError(
                f"{subject}clear={self.clear:g} is of no use with {self.operator}: leave it out"
            )
        rises = self.operator in (">", ">=")
        if self.clear > self.value if rises else self.clear < self.value:
            side = "at most" if rises else "at least"
            raise ConfigurationError(
                f"{subject}clear={self.clear:g} with {self.operator} {self.value:g}: "
                f"give {side} {self.value:g}, so that it is over on the good side"
            )


def _check_range(metric: str, setting: str, value: float) -> None:
    """Refuse a threshold that a built-in metric never comes to, such as a share of 20."""
    least, most = RANGES.get(metric.partition(":")[0], (-inf, inf))
    if value < least or value > most:
        upper = "" if most == inf else f" to {most:g}"
        allowed = f"{least:g}{upper or ' or more'}"
        raise ConfigurationError(f"{setting}={value:g}: {metric} is {allowed}")


def _operator(setting: str, value: Any) -> str:
    if isinstance(value, str) and value in OPERATORS:
        return value
    raise ConfigurationError(f"{setting}={value!r}: give one of {' '.join(OPERATORS)}")


def _number(setting: str, value: Any) -> float:
    return number(setting, value, least=-inf)


def _names(setting: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable) or isinstance(value, Mapping):
        raise ConfigurationError(f"{setting}={value!r}: give a list of feature names")
    return tuple(text(setting, each) for each in value)


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "operator": _operator,
    "value": _number,
    "level": below_normal,
    "features": _names,
    "for_": duration,
    "clear": _number,
    "clear_for": duration,
}
