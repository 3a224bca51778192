"""Fixtures for the tests of limits: the two decorators, on a clock in hand and on the machine's."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from resilience import System
from resilience.core.guard import decorate
from resilience.limits.deadlines import TimeoutLayer, Timeouts
from resilience.limits.layer import BulkheadLayer
from resilience.limits.registry import Bulkheads

Decorator = Callable[[Any], Any]


class Limits:
    """The limits of one system."""

    def __init__(self, system: System, workers: int = 64) -> None:
        self.timeouts = Timeouts(system.runtime, workers)
        self.bulkheads = Bulkheads(system.runtime)

    def timeout(self, seconds: Any, name: str | None = None) -> Decorator:
        """Decorate with a time limit."""
        return lambda call: decorate(call, TimeoutLayer(self.timeouts, seconds, name))

    def bulkhead(self, name: str | None = None, **options: Any) -> Decorator:
        """Decorate with a bulkhead."""
        return lambda call: decorate(call, BulkheadLayer(self.bulkheads, name, options))


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
def limits(system: System) -> Limits:
    """Give limits on the clock in hand."""
    return Limits(system)


@pytest.fixture
def real() -> Limits:
    """Give limits on the machine's clock."""
    return Limits(System())


@pytest.fixture
def few(system: System) -> Limits:
    """Give limits with two threads for timed sync code."""
    return Limits(system, workers=2)


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
