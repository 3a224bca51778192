"""A component whose health is in the test's hands."""

from collections.abc import Callable

import pytest

from resilience import System
from resilience.testing import ManualClock


class Dependency:
    """Something that is looked at, and answers what the test says.

    Args:
        answer: what a look returns; an exception is raised.
    """

    def __init__(self) -> None:
        self.answer: object = True
        self.looks = 0

    def look(self) -> object:
        """Be looked at."""
        self.looks += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.fixture
def database() -> Dependency:
    """Give a dependency that is well."""
    return Dependency()


@pytest.fixture
def after(system: System, clock: ManualClock) -> Callable[[int], None]:
    """Give a function that lets the check intervals of 5 s pass."""

    def intervals(count: int) -> None:
        for _ in range(count):
            clock.advance(5)
            system.tick()

    return intervals
