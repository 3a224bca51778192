"""What a retry can be told, checked when it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from typing import Any, ClassVar

from resilience.core.backoff import DECORRELATED, NAMES, Backoff, Shape
from resilience.core.categories import TRANSIENT
from resilience.core.checks import duration, factor, judging, number, seconds, share, whole
from resilience.core.classify import Matcher, as_matcher
from resilience.core.names import did_you_mean
from resilience.core.options import Check, Options
from resilience.errors import ConfigurationError


def _shape(setting: str, value: Any) -> Shape:
    if isinstance(value, str):
        if value in NAMES:
            return value
        raise ConfigurationError(f"{setting}={value!r}{did_you_mean(value, NAMES)}")
    if callable(value):
        return judging(setting, value)
    if isinstance(value, Iterable) and not hasattr(value, "__next__"):
        return tuple(_waits(setting, value)) if isinstance(value, list | tuple) else value
    raise ConfigurationError(
        f"{setting}={value!r}: give one of {', '.join(NAMES)}, a function of the number of failed "
        f"attempts that returns seconds, or a list of seconds (no iterator: it serves one call)"
    )


def _waits(setting: str, given: Iterable[Any]) -> Iterator[float]:
    for index, each in enumerate(given):
        value = each.total_seconds() if isinstance(each, timedelta) else each
        # Below 0 ends the attempts, so it is no mistake.
        yield number(f"{setting}[{index}]", value, least=-inf)


def _jitter(setting: str, value: Any) -> float | str:
    if value == "full":
        return "full"
    try:
        return share(setting, value)
    except ConfigurationError:
        raise ConfigurationError(
            f"{setting}={value!r}: give 'full', a number >= 0 and <= 1, or None"
        ) from None


@dataclass(frozen=True, slots=True)
class RetrySettings(Options):
    """When a call is made again, how often, and after what time.

    Args:
        attempts: how often it is made at most, >= 1, the first time included.
        on: errors after which it is made again: types, or a predicate. Never after `Rejected`,
            nor after an answer 4xx of a server (408, 425 and 429 excepted) unless a predicate
            other than `TRANSIENT` asks for it.
        ignore: errors after which it is not; beats `on`.
        on_result: predicate of what was returned: True makes the call again. The last result is
            returned, whatever it is; responses before it are closed.
        timeout: seconds, > 0, for all attempts and waits together; None: no limit of its own. No
            wait begins that would end later; to cut off an attempt that runs is for `@timeout`.
        backoff: "constant", "linear", "exponential", "fibonacci" or "decorrelated"; a function
            of the number of failed attempts that returns seconds; or seconds in turn. Negative
            seconds, or no more of them, end the attempts.
        initial_delay: seconds, >= 0, of the first wait.
        max_delay: seconds, >= 0, that no wait exceeds, nor one that a server asks for by
            `Retry-After`.
        multiplier: factor, >= 1, from one exponential or decorrelated wait to the next.
        jitter: "full" draws each wait from 0 to its length; a share, 0-1, from that much below
            to that much above; None waits exactly. Decorrelated waits are drawn already.
        budget: retries / calls, 0-1, of the last 10 s, that all retries of the circuit (without
            one: of the function) may take together, beyond 3, or beyond what a single call may
            use where that is more; None: no limit.

    Raises:
        ConfigurationError: a value is out of its range; says which, and the range.
    """

    CHECKS: ClassVar[Mapping[str, Check]] = {
        "attempts": whole,
        "on": as_matcher,
        "ignore": as_matcher,
        "on_result": judging,
        "timeout": seconds,
        "backoff": _shape,
        "initial_delay": duration,
        "max_delay": duration,
        "multiplier": factor,
        "jitter": _jitter,
        "budget": share,
    }
    OPTIONAL: ClassVar[frozenset[str]] = frozenset({"on_result", "timeout", "jitter", "budget"})

    attempts: int = 3
    on: Matcher = TRANSIENT
    ignore: Matcher = ()
    on_result: Callable[[Any], bool] | None = None
    timeout: float | None = None
    backoff: Shape = "exponential"
    initial_delay: float = 0.1
    max_delay: float = 5.0
    multiplier: float = 2.0
    jitter: float | str | None = "full"
    budget: float | None = 0.2

    @property
    def waits(self) -> Backoff:
        """The waits between attempts."""
        return Backoff(
            self.backoff, self.initial_delay, self.max_delay, self.multiplier, self.jitter
        )

    @staticmethod
    def check_together(given: Mapping[str, Any]) -> None:
        """Refuse waits that could never be, and jitter that would do nothing."""
        longest = given.get("max_delay")
        first, shape = given.get("initial_delay"), given.get("backoff")
        if first is not None and longest is not None and first > longest:
            raise ConfigurationError(
                f"initial_delay={first} is above max_delay={longest}: "
                f"give at most that, or raise it"
            )
        if shape == DECORRELATED and given.get("jitter") not in {"full", None}:
            raise ConfigurationError(
                f"jitter={given['jitter']!r} with backoff='decorrelated', whose waits are drawn "
                f"already: leave it out"
            )
        most = max(shape, default=0.0) if isinstance(shape, tuple) else 0.0
        if longest is not None and most > longest:
            raise ConfigurationError(
                f"backoff has {most} s, above max_delay={longest}: raise max_delay"
            )
