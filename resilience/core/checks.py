"""Checks of single settings, shared by all settings: each error names what is allowed."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from inspect import signature
from math import inf
from typing import Any

from resilience.core.kinds import Kind, kind_of
from resilience.errors import ConfigurationError


def whole(setting: str, value: Any, *, least: int = 1, most: int = sys.maxsize) -> int:
    """Return `value` if it is a whole number in [least, most].

    Raises:
        ConfigurationError: it is not.
    """
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    ceiling = "" if most == sys.maxsize else f" and at most {most}"
    raise ConfigurationError(
        f"{setting}={value!r}: give a whole number of at least {least}{ceiling}"
    )


def number(
    setting: str, value: Any, *, least: float = 0.0, most: float = inf, above: float | None = None
) -> float:
    """Return `value` as a finite float in [least, most], and > `above` where that is given.

    Raises:
        ConfigurationError: it is no number, or out of range.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if (
        is_number
        and abs(value) <= sys.float_info.max  # not so: nan, infinities, ints beyond all floats
        and least <= value <= most
        and (above is None or value > above)
    ):
        return float(value)
    floor = f" >= {least:g}" if above is None else f" > {above:g}"
    floor = "" if least == -inf else floor
    ceiling = "" if most == inf else f" and <= {most:g}"
    raise ConfigurationError(f"{setting}={value!r}: give a number{floor}{ceiling}")


def share(setting: str, value: Any) -> float:
    """Return `value` if it is a share, 0-1."""
    return number(setting, value, most=1.0)


def factor(setting: str, value: Any) -> float:
    """Return `value` if it is a factor of growth, >= 1."""
    return number(setting, value, least=1.0)


def seconds(setting: str, value: Any) -> float:
    """Return `value` if it is a duration above 0 s (a number, or a `timedelta`)."""
    return number(setting, _in_seconds(value), above=0.0)


def duration(setting: str, value: Any) -> float:
    """Return `value` if it is a duration of 0 s or more (a number, or a `timedelta`)."""
    return number(setting, _in_seconds(value))


def _in_seconds(value: Any) -> Any:
    return value.total_seconds() if isinstance(value, timedelta) else value


def flag(setting: str, value: Any) -> bool:
    """Return `value` if it is True or False."""
    if isinstance(value, bool):
        return value
    raise ConfigurationError(f"{setting}={value!r}: give true or false")


def text(setting: str, value: Any, *, longest: int = 200) -> str:
    """Return `value` if it is a printable text of 1 to `longest` characters."""
    if isinstance(value, str) and 0 < len(value) <= longest and value.isprintable():
        return value
    raise ConfigurationError(
        f"{setting}={value!r}: give a printable text of 1 to {longest} characters"
    )


def patterns(setting: str, value: Any) -> tuple[str, ...]:
    """Return `value` if it is a list of regular expressions."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigurationError(f"{setting}={value!r}: give a list of regular expressions")
    given = tuple(value)
    for each in given:
        try:
            re.compile(text(setting, each, longest=1000))
        except (re.error, RecursionError, OverflowError) as error:
            raise ConfigurationError(
                f"{setting}: {each!r} is no regular expression: {error}"
            ) from None
    return given


def mapping(setting: str, value: Any) -> Mapping[str, Any]:
    """Return `value` if it is a dict."""
    if isinstance(value, Mapping):
        return value
    raise ConfigurationError(f"{setting}={value!r}: give a table (a dict)")


def function(setting: str, value: Any, arguments: int | None = None) -> Callable[..., Any]:
    """Return `value` if it can be called.

    Args:
        setting: what it is called.
        value: what was given.
        arguments: so many it has to take, by position; None: any.
    """
    if not callable(value):
        raise ConfigurationError(f"{setting}={value!r}: give a function")
    if arguments is not None and not _takes(value, arguments):
        raise ConfigurationError(
            f"{setting}={value!r}: give a function that can be called with {_COUNTS[arguments]}"
        )
    return value  # type: ignore[no-any-return]


def _takes(call: Callable[..., Any], arguments: int) -> bool:
    try:
        signature(call).bind(*[None] * arguments)
    except TypeError:
        return False
    except ValueError:  # a built-in function that does not say what it takes
        return True
    return True


_COUNTS = ("no argument", "one argument", "two arguments")


def judging(setting: str, value: Any) -> Callable[[Any], Any]:
    """Return `value` if it is a plain function that can be called with one argument."""
    return plain(setting, value, 1)


def plain(setting: str, value: Any, arguments: int | None = None) -> Callable[..., Any]:
    """Return `value` if it is a function, and not an async one or a generator.

    The coroutine of an async one would be true, whatever it has to say.

    Args:
        setting: what it is called.
        value: what was given.
        arguments: so many it has to take, by position; None: any.
    """
    call = function(setting, value)
    if kind_of(call) is not Kind.SYNC:
        raise ConfigurationError(
            f"{setting}={value!r}: give a plain function, which {kind_of(call).one} is not"
        )
    return function(setting, call, arguments)


def one_of(*allowed: str) -> Callable[[str, Any], str]:
    """Return a check that a value is one of `allowed`."""

    def check(setting: str, value: Any) -> str:
        if isinstance(value, str) and value in allowed:
            return value
        raise ConfigurationError(f"{setting}={value!r}: give one of {', '.join(allowed)}")

    return check
