"""What the healer asks of the rest of the system; each is a small function, and optional."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

log = logging.getLogger("resilience")

T = TypeVar("T")

DEPENDENCY = 1 / 3
"""Share of the fleet with the same symptom from which it is what they all depend on."""

Release = Callable[[], object]


class Symptom(NamedTuple):
    """What health says of a component that is down.

    Args:
        component: which.
        name: the check that says so.
        error: what it says.
        severity: how much it matters.
    """

    component: str
    name: str
    error: str
    severity: str


def _nobody_knows(component: str) -> bool | None:
    return None


def _granted(component: str) -> Release | None:
    return _nothing


def _nothing() -> None:
    pass


def _ignored(level: str, reason: str) -> None:
    pass


def _steady(component: str) -> bool:
    return False


def _alone(component: str) -> float:
    return 0.0


def _by_us(component: str) -> object:
    return True


def _all_are_well() -> Iterable[Symptom]:
    return ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The healer's ways to the rest of the system.

    All but `degrade` and `unwell` may wait, and are never asked on a request.

    Args:
        verify: `verify(component)` runs its health checks; None: it has none.
        claim: `claim(component)` returns what gives the claim back, or None where somebody else
            in the fleet recovers that component now. What it returns may tell by `holds()`
            whether the claim still stands, which is asked before each thing that is tried.
        degrade: `degrade(level, reason)` asks for a level of service.
        is_flapping: `is_flapping(component)`: whether its health changes too often to act on.
        spread: `spread(component)`: the share of the fleet, 0-1, with the same symptom.
        announce: `announce(component)`: true where this process, of all in the fleet, is the one
            to tell people of it.
        unwell: `unwell()`: the components that are down, as their checks last said.
    """

    verify: Callable[[str], bool | None] = _nobody_knows
    claim: Callable[[str], Release | None] = _granted
    degrade: Callable[[str, str], object] = _ignored
    is_flapping: Callable[[str], bool] = _steady
    spread: Callable[[str], float] = _alone
    announce: Callable[[str], object] = _by_us
    unwell: Callable[[], Iterable[Symptom]] = _all_are_well

    def verified(self, component: str) -> bool | None:
        """Tell whether a component is well; a check that cannot be made is one that fails."""
        failed: bool | None = False
        return self._asked(lambda: self.verify(component), failed)

    def leased(self, component: str) -> Release | None:
        """Return what gives the claim on a component back; None: it is somebody else's."""
        return self._asked(lambda: self.claim(component), None)

    def flaps(self, component: str) -> bool:
        """Tell whether a component's health changes too often to act on."""
        return self._asked(lambda: self.is_flapping(component), False)

    def is_everywhere(self, component: str) -> bool:
        """Tell whether so much of the fleet has the symptom that it is the dependency."""
        return self._asked(lambda: self.spread(component) >= DEPENDENCY, False)

    def symptoms(self) -> tuple[Symptom, ...]:
        """Return what is known of components that are down."""
        nothing: tuple[Symptom, ...] = ()
        return self._asked(lambda: tuple(self.unwell()), nothing)

    def lowered(self, level: str, reason: str) -> None:
        """Ask for a level of service."""
        self._asked(lambda: self.degrade(level, reason), None)

    def _asked(self, ask: Callable[[], T], otherwise: T) -> T:
        try:
            return ask()
        except Exception:
            log.exception("what the healer asked failed: it goes on with %r", otherwise)
            return otherwise
