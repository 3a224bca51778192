"""Checks of single settings, shared by all settings: each error names what is allowed."""

from __future__ import annotations

from datetime import timedelta
from math import inf, isfinite
from typing import Any

from resilience.errors import ConfigurationError


def whole(setting: str, value: Any, *, least: int = 1) -> int:
    """Return `value` if it is a whole number >= `least`.

    Raises:
        ConfigurationError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError(f"{setting}={value!r}: give a whole number of at least {least}")
    return value


def number(
    setting: str, value: Any, *, least: float = 0.0, most: float = inf, above: float | None = None
) -> float:
    """Return `value` as a finite float in [least, most], and > `above` where that is given.

    Durations may be `timedelta`; they become seconds.

    Raises:
        ConfigurationError: it is no number, or out of range.
    """
    given = value.total_seconds() if isinstance(value, timedelta) else value
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if (
        is_number
        and isfinite(given)
        and least <= given <= most
        and (above is None or given > above)
    ):
        return float(given)
    floor = f"> {above:g}" if above is not None else f">= {least:g}"
    ceiling = "" if most == inf else f" and <= {most:g}"
    raise ConfigurationError(f"{setting}={value!r}: give a number {floor}{ceiling}")


def share(setting: str, value: Any) -> float:
    """Return `value` if it is a share, 0-1."""
    return number(setting, value, most=1.0)


def seconds(setting: str, value: Any) -> float:
    """Return `value` if it is a duration above 0 s (a number, or a `timedelta`)."""
    return number(setting, value, above=0.0)


def text(setting: str, value: Any, *, longest: int = 200) -> str:
    """Return `value` if it is a printable text of 1 to `longest` characters."""
    if isinstance(value, str) and 0 < len(value) <= longest and value.isprintable():
        return value
    raise ConfigurationError(
        f"{setting}={value!r}: give a printable text of 1 to {longest} characters"
    )
