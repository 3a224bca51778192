"""The faults: what goes wrong with a call that is hit. They decide, and do nothing themselves."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from operator import attrgetter
from random import Random
from typing import Any, ClassVar, NamedTuple

from resilience.chaos.injected import InjectedOutageError, imitate
from resilience.chaos.settings import FAULTS
from resilience.core.checks import duration, mapping, number, share, text
from resilience.core.names import did_you_mean
from resilience.errors import ConfigurationError, UnknownSettingError


class Blow(NamedTuple):
    """What happens to one call.

    Args:
        delay: seconds, >= 0, before anything else.
        error: raised instead of making the call.
        result: makes of what the call returned what its caller gets.
        skew: seconds by which the wall clock is off inside the call.
    """

    delay: float = 0.0
    error: BaseException | None = None
    result: Callable[[Any], Any] | None = None
    skew: float = 0.0


class Fault:
    """Base of the faults. `KIND` is its name in settings and files."""

    KIND: ClassVar[str] = ""

    def blow(self, random: Random, experiment: str) -> Blow:
        """Return what happens to the next call that is hit.

        Args:
            random: the experiment's own chance.
            experiment: its name, for messages.
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Latency(Fault):
    """The call takes longer.

    Args:
        seconds: >= 0, before the call is made (or a `timedelta`).
        jitter: share 0-1 of `seconds` by which the time is shorter or longer at random.
    """

    KIND: ClassVar[str] = "latency"

    seconds: float | timedelta
    jitter: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "seconds", duration("Latency: seconds", self.seconds))
        object.__setattr__(self, "jitter", share("Latency: jitter", self.jitter))

    @property
    def delay(self) -> float:
        """Seconds, without jitter."""
        return duration("Latency: seconds", self.seconds)

    def blow(self, random: Random, experiment: str) -> Blow:
        """Return a delay."""
        return Blow(delay=self.delay * (1 + self.jitter * random.uniform(-1, 1)))


@dataclass(frozen=True, slots=True)
class Error(Fault):
    """The call fails, and is not made.

    Args:
        exception: what it fails with: a type, an exception, or in files the name of a type, as
            "ConnectionError" or "httpx:ConnectTimeout". What is raised is a new one each time, of
            a subclass of both that type and `InjectedFaultError` where there can be one.
    """

    KIND: ClassVar[str] = "error"

    exception: Any = ConnectionError

    def __post_init__(self) -> None:
        object.__setattr__(self, "exception", _exception(self.exception))

    def blow(self, random: Random, experiment: str) -> Blow:
        """Return an error."""
        return Blow(error=imitate(self.exception, f"injected by experiment {experiment!r}"))


@dataclass(frozen=True, slots=True)
class Outage(Fault):
    """Nobody answers: each call fails with `InjectedOutageError`, a `ConnectionError`."""

    KIND: ClassVar[str] = "outage"

    def blow(self, random: Random, experiment: str) -> Blow:
        """Return an error."""
        return Blow(error=InjectedOutageError(f"injected by experiment {experiment!r}"))


@dataclass(frozen=True, slots=True)
class Exhaustion(Fault):
    """The places of a bulkhead are taken, as by calls that do not come back.

    Args:
        bulkhead: its name; None: that of the target.
    """

    KIND: ClassVar[str] = "exhaustion"

    bulkhead: str | None = None

    def __post_init__(self) -> None:
        if self.bulkhead is not None:
            text("Exhaustion: bulkhead", self.bulkhead)

    def blow(self, random: Random, experiment: str) -> Blow:
        """Return nothing: calls are not touched."""
        return Blow()


@dataclass(frozen=True, slots=True)
class Corrupt(Fault):
    """The call is made, and its caller gets something else; each item, of a generator.

    Args:
        result: what it gets; or a function of what was returned.
    """

    KIND: ClassVar[str] = "corrupt"

    result: Any = None

    def blow(self, random: Random, experiment: str) -> Blow:
        """Return what makes another result."""
        if callable(self.result):
            return Blow(result=self.result)
        return Blow(result=lambda _: self.result)


@dataclass(frozen=True, slots=True)
class ClockSkew(Fault):
    """The wall clock is off inside the call: `time.time()`, read as an attribute of `time`.

    Args:
        seconds: by which it is ahead; negative: behind.
    """

    KIND: ClassVar[str] = "clock_skew"

    seconds: float | timedelta

    def __post_init__(self) -> None:
        given = self.seconds
        off = given.total_seconds() if isinstance(given, timedelta) else given
        object.__setattr__(self, "seconds", number("ClockSkew: seconds", off, least=-1e10))

    def blow(self, random: Random, experiment: str) -> Blow:
        """Return by how much the clock is off."""
        off = self.seconds
        return Blow(skew=off.total_seconds() if isinstance(off, timedelta) else off)


KINDS: Mapping[str, type[Fault]] = {
    each.KIND: each for each in (Latency, Error, Outage, Exhaustion, Corrupt, ClockSkew)
}
assert tuple(KINDS) == FAULTS


def fault_of(value: Any) -> Fault:
    """Return a fault: itself, or what a kind or a table `{"kind": …, argument: …}` describes.

    Raises:
        ConfigurationError: there is no such fault, or it has no such argument.
    """
    if isinstance(value, Fault):
        return value
    if isinstance(value, type) and issubclass(value, Fault):
        value = value.KIND
    options = {"kind": value} if isinstance(value, str) else dict(mapping("fault", value))
    kind = options.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise ConfigurationError(f"unknown fault {kind!r}{did_you_mean(kind, KINDS)}")
    made: Any = KINDS[kind]
    known = [each.name for each in fields(made)]
    for name in options:
        if name not in known:
            raise UnknownSettingError(
                f"fault {kind}: unknown argument {name!r}{did_you_mean(name, known)}"
            )
    try:
        fault: Fault = made(**options)
    except TypeError:
        raise ConfigurationError(f"fault {kind}: give {', '.join(known)}") from None
    return fault


def _exception(value: Any) -> Any:
    if isinstance(value, str):
        value = _named(value)
    kind = value if isinstance(value, type) else type(value)
    if not issubclass(kind, Exception):
        raise ConfigurationError(
            f"Error: exception={value!r}: give an exception, its type, or the type's name"
        )
    return value


def _named(name: str) -> Any:
    found = getattr(builtins, name, None)
    if found is not None:
        return found
    module, _, path = name.partition(":")
    try:  # of modules that the app has loaded: a file or an operator does not get to load others
        return attrgetter(path)(sys.modules[module])
    except (KeyError, AttributeError):
        raise ConfigurationError(
            f"Error: exception={name!r}: no built-in one, nor `module:Type` of a loaded module"
        ) from None
