"""A system on which experiments may run."""

import random

import pytest

from resilience import System
from resilience.testing import ManualClock


@pytest.fixture
def system(clock: ManualClock) -> System:
    """Give a system of its own, on the manual clock, with chaos enabled."""
    return System({"chaos": {"enabled": True}}, clock=clock, random=random.Random(7))
