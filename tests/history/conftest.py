"""An outage as a journal has it."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from resilience import CircuitOpenError, System
from resilience.testing import ManualClock

START = 1_750_000_000.0
IN_FORCE = {
    "failure_rate": 0.1, "window": 10.0, "reset_timeout": 20.0, "reset_timeout_multiplier": 1.0,
}  # fmt: skip
"""The settings of the circuit."""


def call(system: System, *, fails: bool) -> None:
    """Make one call to `payments`; whatever becomes of it."""
    try:
        with system.circuits.get("payments", **IN_FORCE):
            if fails:
                raise OSError("refused")
    except (OSError, CircuitOpenError):
        pass


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return where the journal is."""
    return f"sqlite:///{tmp_path}/journal.db"


def after_an_outage(url: str, clock: ManualClock) -> System:
    """Return a system after two quiet minutes, one minute of an outage, and one after it.

    Ten calls a second; the level is lowered by a person while it lasts.
    """
    system = System({"journal": {"url": url}}, clock=clock, random=Random(7))
    for second in range(240):
        if second == 130:
            system.degradation.degrade("minimal", "payments are down", actor="ada", for_=60)
        for _ in range(10):
            call(system, fails=120 <= second < 180)
        clock.advance(1.0)
        system.tick()
    system.journal.drain()
    return system


@pytest.fixture
def outage(url: str, clock: ManualClock) -> Iterator[System]:
    """Give a system that has had an outage."""
    system = after_an_outage(url, clock)
    yield system
    system.configure({"journal": {"enabled": False}})
