"""Fixtures for the tests of limits: systems, and code that stands still."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from resilience import System
from resilience.testing import ManualClock


class Blocked:
    """Sync code that stands still until the test lets it go."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.release = threading.Event()
        self.ended = threading.Semaphore(0)

    def __call__(self) -> str:
        """Stand still."""
        self.begun.release()
        self.release.wait(30)
        self.ended.release()
        return "done"


@pytest.fixture
def real() -> System:
    """Give a system on the machine's clock."""
    return System()


@pytest.fixture
def few(clock: ManualClock) -> System:
    """Give a system with two threads for timed sync code."""
    return System({"limits": {"workers": 2}}, clock=clock)


@pytest.fixture
def blocked() -> Iterator[Blocked]:
    """Give code that stands still, at most until the test ends."""
    code = Blocked()
    yield code
    code.release.set()


@pytest.fixture
def in_thread() -> Iterator[Callable[..., "Thread"]]:
    """Give what calls a function in a thread of its own."""
    started: list[Thread] = []

    def start(call: Callable[[], Any]) -> Thread:
        started.append(Thread(call))
        return started[-1]

    yield start
    for each in started:
        each.join(30)
        assert not each.is_alive()


class Thread(threading.Thread):
    """A thread that keeps how its call ended."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.call = call
        self.value: Any = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Make the call."""
        try:
            self.value = self.call()
        except BaseException as error:
            self.error = error

    def result(self) -> Any:
        """Return what the call returned, or raise what it raised."""
        self.join(30)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error
        return self.value
