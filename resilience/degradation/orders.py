"""What an operator orders, until when, and why."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

from resilience.clock import Clock
from resilience.core.checks import seconds, text
from resilience.errors import ConfigurationError

LONGEST_REASON = 200
"""Characters."""


@dataclass(frozen=True, slots=True)
class Order:
    """One order; it is over all settings while it lasts.

    Args:
        value: what is ordered: a level, True or False, or a percentage.
        reason: why; "" where nobody said.
        actor: who; None where nobody said.
        until: monotonic seconds of its end; infinite: until it is released.
        ends: the same in wall-clock seconds since 1970-01-01 UTC; None: never.
    """

    value: Any
    reason: str
    actor: str | None
    until: float
    ends: float | None

    @classmethod
    def of(cls, value: Any, reason: Any, actor: Any, for_: Any, clock: Clock) -> Order:
        """Return an order that begins now.

        Args:
            value: what is ordered.
            reason: a text.
            actor: a text, or None.
            for_: seconds, > 0, that it lasts (or a `timedelta`); None: until it is released.
            clock: tells the time.

        Raises:
            ConfigurationError: a value out of range.
        """
        said = said_reason(reason)
        who = None if actor is None else text("actor", str(actor))
        if for_ is None:
            return cls(value, said, who, inf, None)
        lasts = seconds("for_", for_)
        return cls(value, said, who, clock.monotonic() + lasts, clock.time() + lasts)


def said_reason(reason: Any) -> str:
    """Return a reason as it is shown: one line, shortened to 200 characters.

    It may be the text of an exception, so that nothing of it is refused.

    Raises:
        ConfigurationError: it is no text.
    """
    if not isinstance(reason, str):
        raise ConfigurationError(f"reason={reason!r}: give a text")
    line = " ".join(reason.split())
    return "".join(each for each in line if each.isprintable())[:LONGEST_REASON]
