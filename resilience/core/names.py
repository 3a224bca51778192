"""Words about names that do not exist, so that every message says what was meant."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, StrEnum


class Nothing(Enum):
    """What an argument is that was not given, where None is a value as well."""

    NOTHING = "nothing"


NOTHING = Nothing.NOTHING

ENVIRONMENT = "environment"
"""Where a setting came from that an environment variable gave."""


def as_variable(name: str) -> str:
    """Return `name` as an environment variable writes it: upper case, `_` for `-`, `.`, ` `."""
    return name.translate(str.maketrans("-. ", "___")).upper()


def shown(value: object) -> str:
    """Return a setting's value as people read it: functions and types by their names."""
    if isinstance(value, StrEnum):
        return repr(value.value)
    if isinstance(value, tuple):
        return f"({', '.join(shown(each) for each in value)})"
    name: str = getattr(value, "__name__", "") or repr(value)
    return name


def near(name: object, known: Iterable[str]) -> list[str]:
    """Return up to three known names that look like `name`, best first."""
    from difflib import get_close_matches  # only mistakes need it

    return get_close_matches(str(name), list(known), n=3, cutoff=0.6)


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for near names, else `; known: …` (at most twenty)."""
    known = list(known)
    close = near(name, known)
    if close:
        return "; did you mean " + " or ".join(repr(each) for each in close) + "?"
    listed = ", ".join(sorted(known)[:20]) or "none"
    return f"; known: {listed}{', …' if len(known) > 20 else ''}"
