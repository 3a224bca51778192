"""What an operator orders, until when, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from resilience.clock import Clock
from resilience.core.checks import flag, mapping, number, one_of, seconds, text
from resilience.core.section import Check
from resilience.degradation.features import percent
from resilience.degradation.levels import as_level
from resilience.errors import ConfigurationError

KILL, ENABLED, ROLLOUT = "kill", "enabled", "rollout"
"""The orders that operators give on a feature, by kind."""

CHECKS: Mapping[str, Check] = {KILL: flag, ENABLED: flag, ROLLOUT: percent}
"""What an order of each kind may say."""

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

    def plain(self, clock: Clock) -> dict[str, Any]:
        """Return it without what only this process knows; by the wall clock as it is set now."""
        ends = None if self.ends is None else self.until - clock.monotonic() + clock.time()
        return {
            "value": self.value,
            "reason": self.reason,
            "actor": self.actor,
            "ends": ends,
        }

    @classmethod
    def again(cls, plain: Mapping[str, Any], check: Check, clock: Clock) -> Order | None:
        """Return an order that `plain` described; None if its time is up."""
        ends = plain.get("ends")
        left = inf if ends is None else number("ends", ends) - clock.time()
        if left <= 0:
            return None
        actor = plain.get("actor")
        who = None if actor is None else text("actor", actor)
        reason = said_reason(plain.get("reason", ""))
        value = check("value", plain.get("value"))
        return cls(value, reason, who, clock.monotonic() + left, ends)


def plain_orders(
    orders: Mapping[str, Any], clock: Clock
) -> tuple[Order | None, list[tuple[str, str, Order]]]:
    """Return the orders that plain values describe: on the level, and `(feature, kind, order)`.

    Raises:
        ConfigurationError: they are not of the shape that `Degradation.orders` gives.
    """
    level = mapping("orders", orders).get("level")
    found: list[tuple[str, str, Order]] = []
    for name, kinds in mapping("features", orders.get("features", {})).items():
        for kind, plain in mapping(f"features.{name}", kinds).items():
            check = CHECKS[one_of(*CHECKS)(f"features.{name}", kind)]
            order = Order.again(mapping(f"features.{name}.{kind}", plain), check, clock)
            found += [] if order is None else [(text("feature name", name), kind, order)]
    if level is None:
        return None, found
    return Order.again(mapping("level", level), as_level, clock), found


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
