"""What a decorator can be told: named options, each checked, that settings by name lie over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from resilience.core.names import did_you_mean
from resilience.errors import ConfigurationError, UnknownSettingError

Check = Callable[[str, Any], Any]


@dataclass(frozen=True, slots=True)
class Options:
    """Base of the options of a decorator: a frozen dataclass, checked when it is made.

    A subclass has in `CHECKS` for each field the function `check(name, value)` that returns the
    value in its own type or refuses it. None passes for the fields in `OPTIONAL`. What is in
    `ONLY_THERE`, `{option: decorator}`, no settings by name can give.
    """

    CHECKS: ClassVar[Mapping[str, Check]] = {}
    OPTIONAL: ClassVar[frozenset[str]] = frozenset()
    ONLY_THERE: ClassVar[Mapping[str, str]] = {}

    def __post_init__(self) -> None:
        for name, check in self.CHECKS.items():
            value = getattr(self, name)
            if value is not None or name not in self.OPTIONAL:
                # Frozen: what a check returns is the value in its own type (list -> tuple).
                object.__setattr__(self, name, check(name, value))
        self.check_together({name: getattr(self, name) for name in self.CHECKS})

    @staticmethod
    def check_together(given: Mapping[str, Any]) -> None:
        """Refuse values that cannot be together; not all options need be there.

        Raises:
            ConfigurationError: says which two.
        """

    @classmethod
    def of(cls, options: Mapping[str, Any], subject: str = "settings") -> Self:
        """Return these options over the defaults.

        Args:
            options: `{option: value}`.
            subject: what they are for, as errors say it.

        Raises:
            UnknownSettingError: an option has no such name; says near names.
            ConfigurationError: a value is out of range.
        """
        cls._check_names(options, subject)
        try:
            return cls(**options)
        except ConfigurationError as error:
            raise ConfigurationError(f"{subject}: {error}") from None

    @classmethod
    def check(cls, options: Mapping[str, Any], subject: str) -> None:
        """Refuse what is wrong in settings by name, whatever the decorator says.

        Raises:
            UnknownSettingError: an option has no such name; says near names.
            ConfigurationError: a value is out of range, or does not fit another one given.
        """
        cls._check_names(options, subject)
        try:
            made = {}
            for name, value in options.items():
                if name in cls.ONLY_THERE:
                    raise ConfigurationError(f"{name}= can only be given to {cls.ONLY_THERE[name]}")
                is_left_out = value is None and name in cls.OPTIONAL
                made[name] = None if is_left_out else cls.CHECKS[name](name, value)
            cls.check_together(made)
        except ConfigurationError as error:
            raise ConfigurationError(f"{subject}: {error}") from None

    @classmethod
    def _check_names(cls, options: Mapping[str, Any], subject: str) -> None:
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                raise UnknownSettingError(
                    f"{subject}: unknown setting {name!r}{did_you_mean(name, known)}"
                )
