"""What is told of the level of service: plain records of one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from resilience.degradation.controller import RuleState
from resilience.degradation.levels import Level
from resilience.degradation.orders import Order
from resilience.degradation.switches import Switch


@dataclass(frozen=True, slots=True)
class FeatureState:
    """A feature at one moment.

    Args:
        name: its name.
        enabled: whether anybody has any of it.
        capability: percent 0-100 of it that is left.
        rollout: percent 0-100 of keys or calls that have it at all.
        cause: "level", "rule", "operator", "killed", "disabled" or who limits it; "" while it is
            all there.
        reason: why, in words; "" where nothing is to be said.
        orders: `{kind: order}` of operators; kinds are "kill", "enabled" and "rollout".
    """

    name: str
    enabled: bool
    capability: float
    rollout: float
    cause: str
    reason: str
    orders: Mapping[str, Order]


@dataclass(frozen=True, slots=True)
class DegradationState:
    """The level of service at one moment, and what follows from it.

    Args:
        level: the level.
        since: wall-clock time of the last change of level, seconds since 1970-01-01 UTC.
        reason: why; None where there never was one.
        trigger: "manual", "rule", or who else asked for it; None where nobody did.
        actor: who ordered it; None where nobody is known.
        ends: wall-clock time at which an order ends; None where none does.
        features: every feature, by name.
        rules: every rule, with what it last saw; those with an `error` are inactive.
    """

    level: Level
    since: float
    reason: str | None
    trigger: str | None
    actor: str | None
    ends: float | None
    features: tuple[FeatureState, ...]
    rules: tuple[RuleState, ...]


@dataclass(frozen=True, slots=True)
class AppLevel:
    """What is said of the level of the app; the fields are those of `DegradationState`."""

    level: Level
    since: float
    reason: str | None = None
    trigger: str | None = None
    actor: str | None = None
    ends: float | None = None

    def change_from(self, before: AppLevel) -> dict[str, object]:
        """Return what an event tells of a change of level."""
        return {
            "level": str(self.level),
            "before": str(before.level),
            "reason": self.reason,
            "trigger": self.trigger,
            "actor": self.actor,
            "ends": self.ends,
        }


def state_of(switch: Switch) -> FeatureState:
    """Return a feature as it is now."""
    return FeatureState(
        switch.name,
        switch.enabled,
        switch.capability,
        switch.rollout,
        switch.cause,
        switch.why,
        dict(switch.orders),
    )
