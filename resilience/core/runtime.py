"""What every guard of one system shares: its clock, chance, events, and whether it is on."""

from __future__ import annotations

from random import Random
from typing import Any, TypeVar

from resilience.clock import Clock, SystemClock
from resilience.core.engine import Engine
from resilience.errors import ConfigurationError
from resilience.events import Bus

T = TypeVar("T")


class Homed:
    """Something of a system that pickle names instead of copying.

    Only what belongs to the process-wide system has a name that another process knows.
    """

    __slots__ = ("home",)

    def __init__(self) -> None:
        self.home = ""  # where `pkgutil.resolve_name` finds it

    def __reduce__(self) -> Any:
        from pickle import PicklingError  # loaded by whoever pickles
        from pkgutil import resolve_name

        if not self.home:
            raise PicklingError(
                "a guard of a System of your own has no name that another process knows: "
                "pickle the function, or use the process-wide `resilience.system`"
            )
        return resolve_name, (self.home,)


_CLOCK = ("clock", ("monotonic", "time"), "resilience.testing.ManualClock()")
_RANDOM = ("random", ("random", "uniform"), "random.Random(42)")


def _with(given: T, needed: tuple[str, tuple[str, ...], str]) -> T:
    """Return what was given if it has the methods that it is used by."""
    name, methods, example = needed
    if all(callable(getattr(given, each, None)) for each in methods):
        return given
    raise ConfigurationError(
        f"{name}={given!r}: give an object with {' and '.join(methods)}, such as {example}"
    )


class Runtime(Homed):
    """The ground that a system's guards stand on.

    Args:
        clock: tells the time; the machine's own by default.
        random: where jitter and shares are drawn from; seed it for repeatable runs.

    Raises:
        ConfigurationError: one of them cannot do that.
    """

    __slots__ = ("active", "bus", "clock", "engine", "random", "started_at")

    def __init__(self, clock: Clock | None = None, random: Random | None = None) -> None:
        super().__init__()
        self.clock: Clock = SystemClock() if clock is None else _with(clock, _CLOCK)
        self.random = Random() if random is None else _with(random, _RANDOM)
        self.engine = Engine(self.clock, self.random)
        self.bus = Bus(self.clock, elsewhere=self.engine.spawn)
        self.started_at = self.clock.time()
        self.active = True  # False: every guard passes its calls through (tests)

    def use_clock(self, clock: Clock) -> None:
        """Tell the time by another clock; for tests, before anything is built on this ground."""
        self.clock = clock
        self.engine.use_clock(clock)
        self.bus.use_clock(clock)
