"""All signals, on one screen.

Each is a Blinker signal. Its sender is the component's name (a `str`, compared by value), its
payload the keyword `event`, an `Event`::

    from resilience import signals

    @signals.circuit_opened.connect
    def page_someone(name, event): ...

Receivers are held weakly, as Blinker does: pass `weak=False` for closures and lambdas.
"""

from __future__ import annotations

from blinker import Namespace

_namespace = Namespace()

circuit_opened = _namespace.signal("circuit_opened")
circuit_half_opened = _namespace.signal("circuit_half_opened")
circuit_closed = _namespace.signal("circuit_closed")
circuit_forced = _namespace.signal("circuit_forced")
call_rejected = _namespace.signal("call_rejected")
fallback_used = _namespace.signal("fallback_used")
retry_scheduled = _namespace.signal("retry_scheduled")
health_changed = _namespace.signal("health_changed")
degradation_changed = _namespace.signal("degradation_changed")
feature_changed = _namespace.signal("feature_changed")
failure_detected = _namespace.signal("failure_detected")
recovery_started = _namespace.signal("recovery_started")
recovery_succeeded = _namespace.signal("recovery_succeeded")
recovery_failed = _namespace.signal("recovery_failed")
escalated = _namespace.signal("escalated")
chaos_started = _namespace.signal("chaos_started")
chaos_finished = _namespace.signal("chaos_finished")
operator_acted = _namespace.signal("operator_acted")
fleet_changed = _namespace.signal("fleet_changed")

NAMES = frozenset(_namespace)
"""The names of all of them, which are the types of events."""
