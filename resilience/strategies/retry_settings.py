"""What a retry can be told, checked when it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from resilience.core.backoff import NAMES, Backoff, Shape
from resilience.core.categories import TRANSIENT
from resilience.core.checks import duration, number, seconds, share, whole
from resilience.core.classify import Matcher, as_matcher
from resilience.core.names import did_you_mean
from resilience.errors import ConfigurationError, UnknownSettingError


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """When a call is made again, how often, and after what time.

    Args:
        attempts: how often it is made at most, >= 1, the first time included.
        on: errors after which it is made again: types, or a predicate. Never after `Rejected`,
            nor after an answer 4xx of a server (408, 425 and 429 excepted) unless a predicate
            other than `TRANSIENT` asks for it.
        ignore: errors after which it is not; beats `on`.
        on_result: predicate of what was returned: True makes the call again. The last result is
            returned, whatever it is; responses before it are closed.
        timeout: seconds, > 0, for all attempts and waits together; None: no limit of its own.
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

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            value = getattr(self, name)
            if value is not None or name not in _OPTIONAL:
                # Frozen: what a check returns is the value in its own type (list -> tuple).
                object.__setattr__(self, name, check(name, value))
        _check_delays(self)

    @property
    def waits(self) -> Backoff:
        """The waits between attempts."""
        return Backoff(
            self.backoff, self.initial_delay, self.max_delay, self.multiplier, self.jitter
        )

    @classmethod
    def of(cls, options: Mapping[str, Any], subject: str = "retry") -> RetrySettings:
        """Return settings with `options` over the defaults.

        Raises:
            UnknownSettingError: an option has no such name; says near names.
            ConfigurationError: a value is out of range.
        """
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                raise UnknownSettingError(
                    f"{subject}: unknown setting {name!r}{did_you_mean(str(name), known)}"
                )
        try:
            return cls(**options)
        except ConfigurationError as error:
            raise ConfigurationError(f"{subject}: {error}") from None

    def values(self) -> Iterator[tuple[str, Any]]:
        """Yield each setting's name and value."""
        for field in fields(self):
            yield field.name, getattr(self, field.name)


def _shape(setting: str, value: Any) -> Shape:
    if isinstance(value, str):
        if value in NAMES:
            return value
        raise ConfigurationError(f"{setting}={value!r}{did_you_mean(value, NAMES)}")
    if callable(value):
        return value  # type: ignore[no-any-return]
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
        yield number(f"{setting}[{index}]", value, least=-float("inf"))


def _factor(setting: str, value: Any) -> float:
    return number(setting, value, least=1.0)


def _jitter(setting: str, value: Any) -> float | str:
    if value == "full":
        return "full"
    try:
        return share(setting, value)
    except ConfigurationError:
        raise ConfigurationError(
            f"{setting}={value!r}: give 'full', a number >= 0 and <= 1, or None"
        ) from None


def _function(setting: str, value: Any) -> Callable[..., Any]:
    if callable(value):
        return value  # type: ignore[no-any-return]
    raise ConfigurationError(f"{setting}={value!r}: give a function")


def _check_delays(given: RetrySettings) -> None:
    if given.initial_delay > given.max_delay:
        raise ConfigurationError(
            f"initial_delay={given.initial_delay} is above max_delay={given.max_delay}: "
            f"give at most that, or raise it"
        )
    if given.backoff == "decorrelated" and given.jitter != "full":
        raise ConfigurationError(
            f"jitter={given.jitter!r} with backoff='decorrelated', whose waits are drawn already: "
            f"leave it out"
        )
    longest = max(given.backoff) if isinstance(given.backoff, tuple) and given.backoff else 0.0
    if longest > given.max_delay:
        raise ConfigurationError(
            f"backoff has {longest} s, above max_delay={given.max_delay}: raise max_delay"
        )


_OPTIONAL = {"on_result", "timeout", "jitter", "budget"}
_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "attempts": whole,
    "on": as_matcher,
    "ignore": as_matcher,
    "on_result": _function,
    "timeout": seconds,
    "backoff": _shape,
    "initial_delay": duration,
    "max_delay": duration,
    "multiplier": _factor,
    "jitter": _jitter,
    "budget": share,
}
