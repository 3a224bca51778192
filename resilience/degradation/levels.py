"""The levels of service, from all of it to what must not fail."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from resilience.core.names import did_you_mean
from resilience.errors import ConfigurationError


class Level(StrEnum):
    """How much of the app is served; they compare by depth, `NORMAL` being the least."""

    NORMAL = "normal"
    REDUCED = "reduced"
    MINIMAL = "minimal"
    EMERGENCY = "emergency"

    @property
    def depth(self) -> int:
        """0 for `NORMAL` to 3 for `EMERGENCY`."""
        return LEVELS.index(self)

    @property
    def milder(self) -> Level:
        """The level one step nearer to `NORMAL`, which is its own."""
        return LEVELS[max(0, self.depth - 1)]

    @property
    def deeper(self) -> Level:
        """The level one step further from `NORMAL`; `EMERGENCY` is its own."""
        return LEVELS[min(len(LEVELS) - 1, self.depth + 1)]

    # A text would compare by the alphabet, in which an emergency comes first.
    def __lt__(self, other: str) -> bool:
        return self.depth < Level(other).depth

    def __le__(self, other: str) -> bool:
        return self.depth <= Level(other).depth

    def __gt__(self, other: str) -> bool:
        return self.depth > Level(other).depth

    def __ge__(self, other: str) -> bool:
        return self.depth >= Level(other).depth


LEVELS = tuple(Level)
"""All levels, mildest first."""


def as_level(setting: str, value: Any) -> Level:
    """Return the level of that name.

    Raises:
        ConfigurationError: there is none; says which there are.
    """
    try:
        return Level(value)
    except ValueError:
        names = [each.value for each in LEVELS]
        raise ConfigurationError(
            f"{setting}={value!r}: give one of {', '.join(names)}{_meant(value, names)}"
        ) from None


def below_normal(setting: str, value: Any) -> Level:
    """Return the level of that name, which is not `NORMAL`.

    Raises:
        ConfigurationError: there is none, or it is `NORMAL`.
    """
    level = as_level(setting, value)
    if level is Level.NORMAL:
        names = ", ".join(LEVELS[1:])
        raise ConfigurationError(f"{setting}={str(value)!r}: give one of {names}")
    return level


def _meant(value: Any, names: list[str]) -> str:
    hint = did_you_mean(value, names) if isinstance(value, str) else ""
    return hint if hint.startswith("; did") else ""
