"""All bulkheads of a system, by name."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from threading import Lock
from typing import Any

from resilience.core.checks import duration, text, whole
from resilience.core.names import did_you_mean, shown
from resilience.core.runtime import Homed, Runtime
from resilience.errors import ConfigurationError, UnknownSettingError
from resilience.limits.bulkheads import Bulkhead

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BulkheadSettings:
    """What a bulkhead is told.

    Args:
        limit: calls that may run at once, >= 1.
        max_wait: seconds, >= 0, that a further one waits for its turn (or a `timedelta`).

    Raises:
        ConfigurationError: a value out of range.
    """

    limit: int = 25
    max_wait: Any = 0.0

    def __post_init__(self) -> None:
        whole("limit", self.limit)
        object.__setattr__(self, "max_wait", duration("max_wait", self.max_wait))

    @classmethod
    def of(cls, options: Options, owner: str) -> BulkheadSettings:
        """Return settings with `options` over the defaults.

        Raises:
            UnknownSettingError, ConfigurationError: names `owner` and the setting.
        """
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                meant = did_you_mean(name, known)
                raise UnknownSettingError(f"{owner}: unknown setting {name!r}{meant}")
        try:
            return cls(**options)
        except ConfigurationError as error:
            raise ConfigurationError(f"{owner}: {error}") from None


class Bulkheads(Homed):
    """The bulkheads of one system: made on first use, changed in place.

    `bulkheads.get("x")` makes or finds one, `bulkheads["x"]` only finds it.
    """

    def __init__(self, runtime: Runtime) -> None:
        super().__init__()
        self._runtime = runtime
        self._entries: dict[str, Bulkhead] = {}
        self._declared: dict[str, Options] = {}
        self._owners: dict[str, str] = {}
        self._lock = Lock()
        _registries.add(self)

    def __iter__(self) -> Iterator[Bulkhead]:
        return iter(list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __getitem__(self, name: str) -> Bulkhead:
        try:
            return self._entries[name]
        except KeyError:
            known = did_you_mean(name, self._entries)
            raise KeyError(f"no bulkhead {name!r}{known}") from None

    def get(self, name: str, **options: Any) -> Bulkhead:
        """Return the bulkhead of that name, made on first use.

        Args:
            name: 1 to 200 printable characters.
            options: `limit` and `max_wait`, as `@bulkhead` takes them; without any, a bulkhead
                that exists is returned whatever its settings.

        Raises:
            ConfigurationError: it exists with other settings, or an option is out of range.
        """
        if options:
            return self.declare(name, options)
        text("bulkhead name", name)
        with self._lock:
            return self._entries.get(name) or self._make(name, BulkheadSettings())

    def declare(self, name: str, options: Options, owner: str | None = None) -> Bulkhead:
        """Return the bulkhead that a decorator describes, made now if it is new.

        Args:
            name: the bulkhead's name.
            options: what the decorator was given.
            owner: `module.qualname` of the decorated function. The same one may come again with
                other options (a reload, a notebook): they take the place of its first ones.

        Raises:
            ConfigurationError: another function described a bulkhead of this name otherwise.
        """
        settings = BulkheadSettings.of(options, f"bulkhead {text('bulkhead name', name)!r}")
        with self._lock:
            before = self._declared.get(name)
            if before is None or BulkheadSettings(**before) != settings:
                if before is not None and not self._is_again(name, owner):
                    raise self._clash(name, before, options)
                self._make(name, settings)
            if owner is not None:
                self._owners.setdefault(name, owner)
            self._declared[name] = dict(options)
            return self._entries[name]

    def origins(self, name: str) -> dict[str, tuple[Any, str]]:
        """Return `{setting: (value in force, where it came from)}` of a bulkhead."""
        bulkhead, declared = self._entries[name], self._declared.get(name, {})
        asked = BulkheadSettings(**declared)
        found = {}
        for setting in ("limit", "max_wait"):
            value = getattr(bulkhead, setting)
            source = "decorator" if setting in declared else "default"
            found[setting] = (value, source if value == getattr(asked, setting) else "operator")
        return found

    def after_fork(self) -> None:
        """Begin with empty bulkheads in a forked child."""
        self._lock = Lock()
        for bulkhead in self:
            bulkhead.after_fork()

    def _make(self, name: str, settings: BulkheadSettings) -> Bulkhead:
        """Return the bulkhead with these settings in force, new if there is none."""
        entry = self._entries.get(name)
        if entry is None:
            entry = Bulkhead(name, settings.limit, settings.max_wait, self._runtime)
            self._entries[name] = entry
        else:
            entry.reconfigure(settings.limit, settings.max_wait)
        return entry

    def _is_again(self, name: str, owner: str | None) -> bool:
        return owner is not None and owner == self._owners.get(name) and "<lambda>" not in owner

    def _clash(self, name: str, before: Options, options: Options) -> ConfigurationError:
        where = f" by {self._owners[name]}" if name in self._owners else ""
        return ConfigurationError(
            f"bulkhead {name!r} is described{where} with {_listed(before)}, "
            f"and here with {_listed(options)}: give both the same arguments, or another name"
        )


def _listed(options: Options) -> str:
    return ", ".join(f"{name}={shown(value)}" for name, value in options.items()) or "defaults"


_registries: weakref.WeakSet[Bulkheads] = weakref.WeakSet()


def _after_fork() -> None:
    for registry in list(_registries):
        registry.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
