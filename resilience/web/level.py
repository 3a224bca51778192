"""What `/degradation` tells: the level of service, why, and what is off by it."""

from __future__ import annotations

from typing import Any

from resilience.core.demand import is_made
from resilience.degradation.controller import RuleState
from resilience.degradation.orders import Order
from resilience.degradation.service import HEALER
from resilience.degradation.states import DegradationState, FeatureState
from resilience.systems import System
from resilience.web.times import timestamp

Payload = dict[str, Any]


def degradation(system: System, *, detailed: bool) -> Payload:
    """Return the level of service of this worker, and its features.

    Args:
        system: what is asked about.
        detailed: tell who gave orders, and what rules see, too.
    """
    state = system.degradation.state()
    told: Payload = {
        "level": str(state.level),
        "since": timestamp(state.since),
        "reason": state.reason if detailed else _public_reason(state),
        "trigger": state.trigger,
        "ends": _when(state.ends),
        "features": [_feature(each, detailed=detailed) for each in state.features],
    }
    if detailed:
        told["actor"] = state.actor
        told["rules"] = [_rule(each) for each in state.rules]
    return told


def inactive_rules(system: System) -> dict[str, Payload]:
    """Return a health check, without its time, for each rule whose metric cannot be read."""
    if not is_made(system, "degradation"):
        return {}
    return {
        f"rule:{each.rule}": {
            "componentType": "system",
            "status": "warn",
            "observedValue": "inactive",
            "output": each.error,
        }
        for each in system.degradation.rules
        if each.error
    }


def _public_reason(state: DegradationState) -> str | None:
    """Return the reason as everybody may see it: the healer's holds texts of exceptions."""
    return "a component could not be recovered" if state.trigger == HEALER else state.reason


def _feature(feature: FeatureState, *, detailed: bool) -> Payload:
    told: Payload = {
        "name": feature.name,
        "enabled": feature.enabled,
        "capability": feature.capability,
    }
    if detailed:
        told["rollout"] = feature.rollout
        told["cause"] = feature.cause or None
        told["reason"] = feature.reason or None
        told["orders"] = {kind: _order(each) for kind, each in feature.orders.items()}
    return told


def _order(order: Order) -> Payload:
    return {
        "value": order.value,
        "reason": order.reason or None,
        "actor": order.actor,
        "ends": _when(order.ends),
    }


def _rule(state: RuleState) -> Payload:
    rule = state.rule
    return {
        "rule": str(rule),
        "level": str(rule.level),
        "features": list(rule.features),
        "value": state.value,
        "error": state.error or None,
    }


def _when(at: float | None) -> str | None:
    return None if at is None else timestamp(at)
