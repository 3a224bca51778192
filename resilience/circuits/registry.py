"""All circuits of a system, by name."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from threading import Lock
from typing import Any

from resilience.circuits.breaker import Circuit
from resilience.circuits.family import CircuitFamily
from resilience.circuits.remembered import Remembered
from resilience.circuits.settings import CircuitSettings
from resilience.circuits.snapshot import Totals
from resilience.core.checks import text
from resilience.core.names import did_you_mean
from resilience.core.overrides import Given, Overrides
from resilience.core.runtime import Homed, Runtime
from resilience.errors import ConfigurationError

Options = Mapping[str, Any]

_NUMBERS = {field.name for field in fields(CircuitSettings)} - {"key"}


class Circuits(Homed):
    """The circuits of one system: made on first use, reconfigured in place.

    `circuits.get("x")` makes or finds one, `circuits["x"]` only finds it; iterating yields every
    circuit, those made by key included.
    """

    def __init__(self, runtime: Runtime) -> None:
        super().__init__()
        self._runtime = runtime
        self._entries: dict[str, Circuit | CircuitFamily] = {}
        self._declared: dict[str, Options] = {}
        self._owners: dict[str, str] = {}
        self._overrides = Overrides("circuit")
        self._welcome: Callable[[Circuit], None] | None = None
        self._remembered: dict[str, Remembered] = {}  # for circuits that are yet to come
        self._alike: dict[
            CircuitSettings, CircuitSettings
        ] = {}  # one object for all that are equal
        self._lock = Lock()
        _registries.add(self)

    def __iter__(self) -> Iterator[Circuit]:
        for entry in list(self._entries.values()):
            if isinstance(entry, CircuitFamily):
                yield from entry
            else:
                yield entry

    def by_name(self) -> Iterator[tuple[str, list[Circuit], Totals]]:
        """Yield each name with its circuits, one or those made by key, and all their calls ever."""
        for name, entry in list(self._entries.items()):
            circuits = [*entry] if isinstance(entry, CircuitFamily) else [entry]
            yield name, circuits, entry.totals()

    def name_of(self, circuit: str) -> str:
        """Return the name that a circuit made by key belongs to; any other's own."""
        name, bracket, _ = circuit.partition("[")
        by_key = bracket and isinstance(self._entries.get(name), CircuitFamily)
        return name if by_key else circuit

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return any(circuit.name == name for circuit in self)

    def __getitem__(self, name: str) -> Circuit:
        entry = self._entries.get(name)
        if isinstance(entry, Circuit):
            return entry
        for circuit in self:
            if circuit.name == name:
                return circuit
        if isinstance(self._entries.get(str(name).partition("[")[0]), CircuitFamily):
            raise KeyError(f"no circuit {name!r}: it is made by key, by circuit_of(fn).of(key)")
        raise KeyError(f"no circuit {name!r}{did_you_mean(name, [each.name for each in self])}")

    def get(self, name: str, **options: Any) -> Circuit:
        """Return the circuit of that name, made on first use.

        Args:
            name: 1 to 200 printable characters.
            options: as `@circuit` takes them, except `key`; without any, a circuit that exists
                is returned whatever its settings.

        Raises:
            ConfigurationError: it exists with other settings, or an option is out of range.
        """
        if "key" in options:
            raise ConfigurationError(f"circuit {name!r}: key= can only be given to @circuit")
        entry = self.declare(name, options) if options else self._find_or_make(name)
        if isinstance(entry, CircuitFamily):
            raise ConfigurationError(f"circuit {name!r} is made by key: use circuit_of(fn).of(key)")
        return entry

    def declare(
        self, name: str, options: Options, owner: str | None = None
    ) -> Circuit | CircuitFamily:
        """Return the circuit that a decorator describes, made now if it is new.

        Args:
            name: the circuit's name.
            options: what the decorator was given.
            owner: `module.qualname` of the decorated function. The same one may come again with
                other options (a reload, a notebook): they take the place of its first ones.

        Raises:
            ConfigurationError: another function described a circuit of this name otherwise.
        """
        text("circuit name", name)
        with self._lock:
            settings = self._effective(name, options)
            again = owner is not None and owner == self._owners.get(name)
            again = again and "<lambda>" not in (owner or "")
            if name in self._declared and not again:
                self._check_same(name, options)
            entry = self._fitting(name, settings, again)
            if owner is not None:
                self._owners.setdefault(name, owner)
            self._declared[name] = options
            entry.reconfigure(settings)
            return entry

    def prepare(self, given: Given) -> Callable[[], None]:
        """Return what puts settings by name in force, over what decorators say.

        Raises:
            UnknownSettingError, ConfigurationError: names circuit and setting.
        """
        overrides = Overrides("circuit", given)
        for name, options in overrides:
            CircuitSettings.check(options, f"circuit {name!r}")
        with self._lock:
            effective = {
                name: self._effective(name, self._declared.get(name, {}), overrides)
                for name in self._entries
            }

        def commit() -> None:
            with self._lock:
                self._overrides = overrides
                for name, entry in self._entries.items():
                    settings = effective.get(name)  # none: it was made meanwhile
                    settings = settings or self._effective(name, self._declared.get(name, {}))
                    if entry.settings != settings:
                        entry.reconfigure(settings)

        return commit

    def warn_of_unknown(self, *, only_near: bool = False) -> None:
        """Warn of settings for circuits that do not exist.

        Args:
            only_near: leave out names that resemble no circuit: those may be yet to come.
        """
        self._overrides.warn_of_unknown(list(self._entries), only_near=only_near)

    def origins(self, name: str) -> dict[str, tuple[Any, str]]:
        """Return `{setting: (value in force, where it came from)}` of a circuit."""
        settings, declared = self._entries[name].settings, self._declared.get(name, {})
        return {
            field: (getattr(settings, field), self._overrides.source(name, field, declared))
            for field in sorted(_NUMBERS)
        }

    def refresh(self) -> None:
        """Let every circuit see that the system's guards were switched on or off."""
        for circuit in self:
            circuit.refresh()

    def reset(self) -> None:
        """Close every circuit afresh; forget those made by key."""
        self._remembered = {}
        for entry in list(self._entries.values()):
            if isinstance(entry, CircuitFamily):
                entry.clear()
            else:
                entry.reset()

    def names(self) -> frozenset[str]:
        """Return the names that circuits, and families of them, have been made under."""
        return frozenset(self._entries)

    def forget_passing(self, before: frozenset[str]) -> None:
        """Forget circuits that came after `before` and belong to nothing that stays.

        Those of functions inside of functions, and those that were asked for by name. Who holds
        one keeps it to himself; a function of a module that was imported meanwhile keeps its own.
        """
        with self._lock:
            for name in self._entries.keys() - before:
                owner = self._owners.get(name)
                if owner is None or "<locals>" in owner:
                    for known in (self._entries, self._declared, self._owners):
                        known.pop(name, None)

    def restore(self, remembered: Mapping[str, Remembered]) -> None:
        """Put back what circuits were before a restart, as far as it still holds.

        What an operator ordered since, or calls have led to, stays. Circuits that do not exist
        yet find it when they are made.
        """
        with self._lock:
            self._remembered = dict(remembered)
        for circuit in self:
            self._recall(circuit)
            circuit.settle()

    def on_new(self, welcome: Callable[[Circuit], None] | None) -> None:
        """Call `welcome` with every circuit there is, and with each that is made from now on.

        Args:
            welcome: must not wait, nor ask for circuits; None: call nothing any more.
        """
        self._welcome = welcome
        if welcome is not None:
            for circuit in self:
                welcome(circuit)

    def _recall(self, circuit: Circuit) -> None:
        if self._welcome is not None:
            self._welcome(circuit)
        seen = self._remembered.pop(circuit.name, None)
        if seen is not None:
            circuit.remember(seen)

    def after_fork(self) -> None:
        """Replace all locks in a forked child."""
        self._lock = Lock()
        for entry in self._entries.values():
            entry.after_fork()
        for circuit in self:
            circuit.after_fork()

    def _find_or_make(self, name: str) -> Circuit | CircuitFamily:
        text("circuit name", name)
        with self._lock:
            if name not in self._entries:
                self._entries[name] = self._new(name, self._effective(name, {}))
            return self._entries[name]

    def _fitting(
        self, name: str, settings: CircuitSettings, again: bool
    ) -> Circuit | CircuitFamily:
        """Return the entry, new if there is none, or if its function became by key or not."""
        entry = self._entries.get(name)
        if entry is not None and isinstance(entry, CircuitFamily) == (settings.key is not None):
            return entry
        if entry is not None and not again:
            raise ConfigurationError(f"circuit {name!r} exists; it cannot be by key and not")
        entry = self._entries[name] = self._new(name, settings)
        return entry

    def _new(self, name: str, settings: CircuitSettings) -> Circuit | CircuitFamily:
        if settings.key is not None:
            return CircuitFamily(name, settings, self._runtime, self._recall)
        circuit = Circuit(name, settings, self._runtime)
        self._recall(circuit)
        return circuit

    def _effective(
        self, name: str, options: Options, overrides: Overrides | None = None
    ) -> CircuitSettings:
        over = (self._overrides if overrides is None else overrides).over(name, options)
        made = CircuitSettings.of(over, f"circuit {name!r}")
        try:
            return self._alike.setdefault(made, made)
        except TypeError:  # a predicate that has no hash
            return made

    def _check_same(self, name: str, options: Options) -> None:
        before = self._declared[name]
        if CircuitSettings(**before) == CircuitSettings(**options):
            return
        where = f" by {self._owners[name]}" if name in self._owners else ""
        raise ConfigurationError(
            f"circuit {name!r} is described{where} with {_shown(before)}, "
            f"and here with {_shown(options)}: give both the same arguments, or another name"
        )


def _shown(options: Options) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in options.items()) or "defaults"


_registries: weakref.WeakSet[Circuits] = weakref.WeakSet()


def _after_fork() -> None:
    for registry in list(_registries):
        registry.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
