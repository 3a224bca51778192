"""One section of the settings: named values, each checked when it is given."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

from resilience.core.checks import mapping
from resilience.core.names import did_you_mean
from resilience.errors import UnknownSettingError

Check = Callable[[str, Any], Any]


@dataclass(frozen=True, slots=True)
class Section:
    """Base of the sections: a frozen dataclass whose fields all have defaults.

    A subclass names itself in `TITLE`, and in `CHECKS` for each field the function
    `check(name, value)` that returns the value in its own type or refuses it. None passes where
    it is a field's default. The fields named in `ADDED` are tuples of which several sources each
    give some; those in `MERGED` are tables by name, of which each may give part.
    """

    TITLE: ClassVar[str] = ""
    CHECKS: ClassVar[Mapping[str, Check]] = {}
    ADDED: ClassVar[tuple[str, ...]] = ()
    MERGED: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is None and each.default is None:
                continue
            checked = self.CHECKS[each.name](f"{self.TITLE}: {each.name}", value)
            object.__setattr__(self, each.name, checked)  # frozen: seconds may come as timedelta

    @classmethod
    def of(cls, options: Any) -> Self:
        """Return the section with `options`, a dict or such a section, over the defaults.

        Raises:
            UnknownSettingError: an option has no such name; says near names.
            ConfigurationError: a value is out of range.
        """
        if isinstance(options, cls):
            return options
        known = [each.name for each in fields(cls)]
        for name in mapping(cls.TITLE, options):
            if name not in known:
                raise UnknownSettingError(
                    f"{cls.TITLE}: unknown setting {name!r}{did_you_mean(name, known)}"
                )
        return cls(**options)

    def over(self, other: Self, given: Collection[str] = ()) -> Self:
        """Return these settings over `other`: those that were given, or differ from their default.

        Args:
            other: what lies under them.
            given: names of fields that somebody gave, be it the default.
        """
        default = type(self)()
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        said = {
            name: value
            for name, value in own.items()
            if name in given or value != getattr(default, name)
        }
        for name in self.ADDED:
            said[name] = tuple(dict.fromkeys((*getattr(other, name), *own[name])))
        for name in self.MERGED:
            said[name] = _merged(getattr(other, name), own[name])
        return replace(other, **said)


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: {**under.get(name, {}), **over.get(name, {})} for name in {**under, **over}}
