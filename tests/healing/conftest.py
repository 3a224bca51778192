"""A component that breaks and is mended by hand, and a system whose healer knows it."""

from collections.abc import Callable
from typing import Any

import pytest

from resilience import Event, System
from resilience.healing.healer import Healer
from resilience.healing.surroundings import Surroundings, Symptom

Call = Callable[..., Any]


class Database:
    """What calls need: up or down; an action may bring it up."""

    def __init__(self) -> None:
        self.up = True
        self.calls = 0
        self.repairs = 0
        self.repair_helps = True

    def query(self, *args: Any) -> Any:
        """Answer the arguments, or fail."""
        self.calls += 1
        if not self.up:
            raise ConnectionError(f"no route to {args!r}")
        return args

    def repair(self) -> None:
        """Bring it up, if that helps."""
        self.repairs += 1
        self.up = self.up or self.repair_helps

    def is_up(self, _component: str = "") -> bool:
        """Answer as a health check does."""
        return self.up


class World:
    """The surroundings of a healer, as a test sets them."""

    def __init__(self, database: Database, catch_up: Callable[[], None]) -> None:
        self.catch_up = catch_up
        self.check: Callable[[str], bool | None] = database.is_up
        self.flaps = False
        self.spread = 0.0
        self.is_claimed = False
        self.released: list[str] = []
        self.levels: list[str] = []
        self.down: list[Symptom] = []

    def verify(self, component: str) -> bool | None:
        """Tell whether it is well."""
        return self.check(component)

    def claim(self, component: str) -> Callable[[], None] | None:
        """Give a lease, unless somebody else has it."""
        return None if self.is_claimed else lambda: self.released.append(component)

    def surroundings(self) -> Surroundings:
        """Return what the healer asks."""
        return Surroundings(
            verify=self.verify,
            claim=self.claim,
            degrade=lambda level, reason: self.levels.append(level),
            is_flapping=lambda component: self.flaps,
            spread=lambda component: self.spread,
            unwell=lambda: self.down,
        )


@pytest.fixture
def database() -> Database:
    """Give a database that is up."""
    return Database()


@pytest.fixture
def world(database: Database, system: System) -> World:
    """Give surroundings in which the database has a health check."""
    return World(database, system.tick)


@pytest.fixture
def healer(system: System, world: World) -> Healer:
    """Give the system's healer, in those surroundings."""
    made = Healer(system.runtime, world.surroundings())
    vars(system)["healer"] = made
    return made


def told(events: list[Event]) -> list[str]:
    """Return what happened, in order, without escalations."""
    return [event.type for event in events if event.type != "retry_scheduled"]
