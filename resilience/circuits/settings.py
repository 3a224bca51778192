"""What a circuit can be told, checked when it is told."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from resilience.core.checks import (
    duration,
    factor,
    function,
    judging,
    number,
    seconds,
    share,
    whole,
)
from resilience.core.classify import Matcher, as_matcher
from resilience.core.options import Check, Options
from resilience.errors import ConfigurationError

Key = Callable[..., Hashable]

_NEVER_ABOVE = (
    ("success_threshold", "half_open_calls"),
    ("failure_threshold", "window_calls"),
    ("min_calls", "window_calls"),
)


def _above_zero_share(setting: str, value: Any) -> float:
    return number(setting, value, above=0.0, most=1.0)


@dataclass(frozen=True, slots=True)
class CircuitSettings(Options):
    """When a circuit opens, how long it stays open, and how it comes back.

    Args:
        failure_threshold: failures in the window, >= 1, below which it never opens.
        failure_rate: failures / calls, 0-1, from which it opens.
        min_calls: calls in the window, >= 1, below which no rate is judged;
            default `failure_threshold`.
        window: seconds that the window spans, > 0, in ten buckets.
        window_calls: calls that the window spans instead, >= 1; None: it spans seconds.
        slow_call_duration: seconds above which a call is slow; None: none ever is.
        slow_call_rate: slow calls / calls, 0-1, above 0, from which it opens.
        reset_timeout: seconds, > 0, that it stays open the first time, +-10 %.
        reset_timeout_multiplier: factor, >= 1, for each relapse.
        reset_timeout_max: seconds, > 0, that it stays open at most; a `reset_timeout` above it
            wins. One relapse is forgiven for each such time spent closed.
        half_open_calls: trial calls, >= 1, that a half-open circuit admits.
        success_threshold: successful trials, 1 to `half_open_calls`, that close it.
        half_open_timeout: seconds, > 0, after which a trial that has not returned gives up its
            place; default `reset_timeout`.
        ramp: seconds, >= 0, after closing during which the admitted share grows from 10 % to all.
        on: exceptions that are failures: types, or a predicate.
        ignore: exceptions that are neither failure nor success; beats `on`.
        on_result: predicate of what was returned: True makes the call a failure.
        key: function of the call's arguments; each of its values gets a circuit of its own.
        max_keys: how many of those are kept, >= 1.

    Raises:
        ConfigurationError: a value is out of its range; says which, and the range.
    """

    CHECKS: ClassVar[Mapping[str, Check]] = {
        "failure_threshold": whole,
        "failure_rate": share,
        "min_calls": whole,
        "window": seconds,
        "window_calls": whole,
        "slow_call_duration": duration,
        "slow_call_rate": _above_zero_share,
        "reset_timeout": seconds,
        "reset_timeout_multiplier": factor,
        "reset_timeout_max": seconds,
        "half_open_calls": whole,
        "success_threshold": whole,
        "half_open_timeout": seconds,
        "ramp": duration,
        "on": as_matcher,
        "ignore": as_matcher,
        "on_result": judging,
        "key": function,
        "max_keys": whole,
    }
    OPTIONAL: ClassVar[frozenset[str]] = frozenset(
        {
            "min_calls",
            "window_calls",
            "slow_call_duration",
            "half_open_timeout",
            "on_result",
            "key",
        }
    )
    ONLY_THERE: ClassVar[Mapping[str, str]] = {"key": "@circuit"}

    failure_threshold: int = 5
    failure_rate: float = 0.5
    min_calls: int | None = None
    window: float = 60.0
    window_calls: int | None = None
    slow_call_duration: float | None = None
    slow_call_rate: float = 0.5
    reset_timeout: float = 30.0
    reset_timeout_multiplier: float = 2.0
    reset_timeout_max: float = 300.0
    half_open_calls: int = 3
    success_threshold: int = 2
    half_open_timeout: float | None = None
    ramp: float = 0.0
    on: Matcher = Exception
    ignore: Matcher = ()
    on_result: Callable[[Any], bool] | None = None
    key: Key | None = None
    max_keys: int = 1000

    @property
    def calls_to_judge(self) -> int:
        """Calls in the window from which rates are judged."""
        return self.failure_threshold if self.min_calls is None else self.min_calls

    @property
    def trial_timeout(self) -> float:
        """Seconds that a trial call keeps its place."""
        return self.reset_timeout if self.half_open_timeout is None else self.half_open_timeout

    @staticmethod
    def check_together(given: Mapping[str, Any]) -> None:
        """Refuse what could never be reached."""
        for name, limit_name in _NEVER_ABOVE:
            value, limit = given.get(name), given.get(limit_name)
            if value is not None and limit is not None and value > limit:
                raise ConfigurationError(
                    f"{name}={value} is above {limit_name}={limit}: it could never be reached"
                )
