"""All bulkheads of a system, by name."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, ClassVar

from resilience.core.checks import duration, text
from resilience.core.names import did_you_mean, shown
from resilience.core.options import Check, Options
from resilience.core.overrides import Given, Overrides
from resilience.core.runtime import Homed, Runtime
from resilience.errors import ConfigurationError
from resilience.limits.bulkheads import Bulkhead, places

Told = Mapping[str, Any]
"""What a decorator was given: `{setting: value}`."""


@dataclass(frozen=True, slots=True)
class BulkheadSettings(Options):
    """What a bulkhead is told.

    Args:
        limit: calls that may run at once, 1 to 100,000.
        max_wait: seconds, >= 0, that a further one waits for its turn (or a `timedelta`).

    Raises:
        ConfigurationError: a value out of range.
    """

    CHECKS: ClassVar[Mapping[str, Check]] = {"limit": places, "max_wait": duration}

    limit: int = 25
    max_wait: float = 0.0


class Bulkheads(Homed):
    """The bulkheads of one system: made on first use, changed in place.

    `bulkheads.get("x")` makes or finds one, `bulkheads["x"]` only finds it.
    """

    def __init__(self, runtime: Runtime) -> None:
        super().__init__()
        self._runtime = runtime
        self._entries: dict[str, Bulkhead] = {}
        self._declared: dict[str, Told] = {}
        self._owners: dict[str, str] = {}
        self._overrides = Overrides("bulkhead")
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
            return self._entries.get(name) or self._make(name, {})

    def declare(self, name: str, options: Told, owner: str | None = None) -> Bulkhead:
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
                self._make(name, options)
            if owner is not None:
                self._owners.setdefault(name, owner)
            self._declared[name] = dict(options)
            return self._entries[name]

    def prepare(self, given: Given) -> Callable[[], None]:
        """Return what puts settings by name in force, over what decorators say.

        Bulkheads whose settings stay the same keep the size that an operator gave them.

        Raises:
            UnknownSettingError, ConfigurationError: names bulkhead and setting.
        """
        overrides = Overrides("bulkhead", given)
        for name, options in overrides:
            BulkheadSettings.check(options, f"bulkhead {name!r}")

        def commit() -> None:
            with self._lock:
                before, self._overrides = self._overrides, overrides
                for name, entry in self._entries.items():
                    settings = self._effective(name)
                    if settings != self._effective(name, before):
                        entry.reconfigure(settings.limit, settings.max_wait)

        return commit

    def warn_of_unknown(self, *, only_near: bool = False) -> None:
        """Warn of settings for bulkheads that do not exist.

        Args:
            only_near: leave out names that resemble no bulkhead: those may be yet to come.
        """
        self._overrides.warn_of_unknown(list(self._entries), only_near=only_near)

    def origins(self, name: str) -> dict[str, tuple[Any, str]]:
        """Return `{setting: (value in force, where it came from)}` of a bulkhead."""
        bulkhead, declared = self._entries[name], self._declared.get(name, {})
        asked, found = self._effective(name), {}
        for setting in BulkheadSettings.CHECKS:
            value = getattr(bulkhead, setting)
            source = self._overrides.source(name, setting, declared)
            found[setting] = (value, source if value == getattr(asked, setting) else "operator")
        return found

    def after_fork(self) -> None:
        """Begin with empty bulkheads in a forked child."""
        self._lock = Lock()
        for bulkhead in self:
            bulkhead.after_fork()

    def _make(self, name: str, options: Told) -> Bulkhead:
        """Return the bulkhead of that name with its settings in force, new if there is none."""
        over = self._overrides.over(name, options)
        settings = BulkheadSettings.of(over, f"bulkhead {name!r}")
        entry = self._entries.get(name)
        if entry is None:
            entry = Bulkhead(name, settings.limit, settings.max_wait, self._runtime)
            self._entries[name] = entry
        else:
            entry.reconfigure(settings.limit, settings.max_wait)
        return entry

    def _effective(self, name: str, overrides: Overrides | None = None) -> BulkheadSettings:
        over = self._overrides if overrides is None else overrides
        return BulkheadSettings.of(
            over.over(name, self._declared.get(name, {})), f"bulkhead {name!r}"
        )

    def _is_again(self, name: str, owner: str | None) -> bool:
        return owner is not None and owner == self._owners.get(name) and "<lambda>" not in owner

    def _clash(self, name: str, before: Told, options: Told) -> ConfigurationError:
        where = f" by {self._owners[name]}" if name in self._owners else ""
        return ConfigurationError(
            f"bulkhead {name!r} is described{where} with {_listed(before)}, "
            f"and here with {_listed(options)}: give both the same arguments, or another name"
        )


def _listed(options: Told) -> str:
    return ", ".join(f"{name}={shown(value)}" for name, value in options.items()) or "defaults"


_registries: weakref.WeakSet[Bulkheads] = weakref.WeakSet()


def _after_fork() -> None:
    for registry in list(_registries):
        registry.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
