"""Fixtures for all tests: a clock in hand, a system on it, and what it tells."""

import random
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

from resilience import Event, System
from resilience.core.deadline import current
from resilience.core.request import present
from resilience.testing import ManualClock, record_events
from tests.browser import browser, window  # noqa: F401 - as those below
from tests.servers.fixtures import (  # noqa: F401 - pytest finds fixtures by their names here
    fresh_postgres,
    fresh_redis,
    postgres_server,
    redis_server,
)

# A shell leaves its background jobs deaf to Ctrl-C, and so what they start; some tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says more of what else the machine does than of what is tested.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """See that no request or deadline stays begun, in which whatever comes next would be."""
    before = _begun()
    yield
    assert _begun() == before, "the test, or what it tests, leaves these begun"


def _begun() -> list[object]:
    flask = sys.modules.get("flask")
    in_an_app = flask is not None and flask.has_app_context()
    return [in_an_app, present.get(), current()]


@pytest.fixture
def clock() -> ManualClock:
    """Give a clock that only moves when the test says so."""
    return ManualClock()


@pytest.fixture
def system(clock: ManualClock) -> System:
    """Give a system of its own, on the manual clock, with seeded jitter."""
    return System(clock=clock, random=random.Random(7))


@pytest.fixture
def events(system: System) -> Iterator[list[Event]]:
    """Give the list that every event of the system is added to."""
    with record_events(system) as seen:
        yield seen


@pytest.fixture
def fast_switching() -> Iterator[None]:
    """Let the interpreter change threads every 10 microseconds, so that races show."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)
