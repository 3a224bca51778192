"""What type checkers see of the dimmer; checked, never run."""

from datetime import timedelta
from typing import assert_type

from resilience import Dimmer, DimmerSnapshot, Dimming, System


def check(system: System) -> None:
    """See what type checkers see."""
    dimming = system.dim("extras", timedelta(milliseconds=300), places=8, least=0.1)
    assert_type(dimming, Dimming)
    assert_type(dimming.share, float)
    assert_type(dimming.snapshot(), DimmerSnapshot)
    with dimming.timed():
        dimming.stop()
    assert_type(Dimmer("extras", 0.3).share, float)
    system.dim("extras", places="8")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
