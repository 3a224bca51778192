"""Settings by name: what lies over the options that decorators give."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from resilience.core.names import ENVIRONMENT, as_variable, did_you_mean, near
from resilience.errors import ConfigurationWarning

Given = Mapping[str, Mapping[str, tuple[Any, str]]]
"""`{name: {setting: (value, where it came from)}}`"""


_USER = 5
"""Frames from a warning to who called `System.configure` or `System.start`."""


class Overrides:
    """Settings of one kind of thing (circuits, retries, …), by the name of each.

    Args:
        kind: what they are for, as people read it: "circuit".
        given: `{name: {setting: (value, where it came from)}}`.
    """

    __slots__ = ("_given", "_kind")

    def __init__(self, kind: str, given: Given | None = None) -> None:
        self._kind = kind
        self._given: Given = given or {}

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield each name with its settings."""
        for name, options in self._given.items():
            yield name, {setting: value for setting, (value, _) in options.items()}

    def over(self, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a decorator gives with the settings of that name over it."""
        found = self._of(name)
        return {**options, **{setting: value for setting, (value, _) in found.items()}}

    def source(self, name: str, setting: str, options: Mapping[str, Any]) -> str:
        """Return where a setting's value came from: default, decorator, or who gave it by name."""
        found = self._of(name)
        if setting in found:
            return found[setting][1]
        return "decorator" if setting in options else "default"

    def warn_of_unknown(self, known: Iterable[str], *, only_near: bool) -> None:
        """Warn of settings for what does not exist.

        Args:
            known: the names that exist.
            only_near: leave out names that resemble none: those may be yet to come.
        """
        names = list(known)
        meant = {spelled for name in names for spelled in (name, as_variable(name).lower())}
        for name in self._given:
            if name not in meant and (near(name, names) or not only_near):
                warnings.warn(
                    f"settings for {self._kind} {name!r}, which does not exist"
                    f"{did_you_mean(name, names)}",
                    ConfigurationWarning,
                    stacklevel=_USER,
                )

    def _of(self, name: str) -> dict[str, tuple[Any, str]]:
        """Return the settings of a name; the environment spells it as far as variables can."""
        spelled = self._given.get(as_variable(name).lower(), {})
        from_environment = {key: value for key, value in spelled.items() if value[1] == ENVIRONMENT}
        return {**self._given.get(name, {}), **from_environment}
