"""How long a timer may sleep before it looks at the clock again.

Whether something is due is for the system's clock to say; timers only make somebody ask.
"""

from __future__ import annotations

from resilience.clock import Clock, SystemClock

LONGEST = 86_400.0  # seconds; locks and event loops refuse to wait for years
GLANCE = 0.005  # seconds


def pace_of(clock: Clock) -> float:
    """Return the seconds between two looks at `clock`.

    The machine's own clock runs as timers do. Any other (in tests, one moved by hand) may jump
    while a timer sleeps, so it is glanced at often.
    """
    return LONGEST if isinstance(clock, SystemClock) else GLANCE


def nap(left: float, pace: float) -> float:
    """Return the seconds to sleep, >= 0, when `left` remain until something may be due."""
    return max(0.0, min(left, pace))
