"""resilience: keeps Python web apps up while the things they call go down."""

from typing import TYPE_CHECKING, Any

from resilience import signals
from resilience.core.deadline import remaining
from resilience.core.guard import explain, guarded
from resilience.errors import (
    BulkheadFullError,
    ChaosRefusedError,
    CircuitOpenError,
    ConfigurationError,
    ConfigurationWarning,
    DeadlineExceededError,
    DecorationError,
    FeatureDisabledError,
    InjectedFaultError,
    OverloadedError,
    Rejected,
    ResilienceError,
    StoreUnavailableError,
    UnknownSettingError,
)
from resilience.events import Event
from resilience.systems import System, system

if TYPE_CHECKING:
    from resilience.chaos.experiments import Experiment
    from resilience.chaos.faults import (
        ClockSkew,
        Corrupt,
        Error,
        Exhaustion,
        Fault,
        Latency,
        Outage,
    )
    from resilience.chaos.presets import (
        cascade,
        error_burst,
        latency_spike,
        outage,
        resource_exhaustion,
        slow_database,
    )
    from resilience.chaos.results import Result
    from resilience.circuits.breaker import Circuit
    from resilience.circuits.family import CircuitFamily
    from resilience.circuits.layer import circuit_of
    from resilience.circuits.settings import CircuitSettings
    from resilience.circuits.snapshot import CircuitSnapshot
    from resilience.circuits.states import CircuitState
    from resilience.core.categories import TRANSIENT
    from resilience.core.protect import protect
    from resilience.degradation.dimmer import Dimmer
    from resilience.degradation.dimming import DimmerSnapshot, Dimming
    from resilience.degradation.features import Feature
    from resilience.degradation.levels import Level
    from resilience.degradation.rules import Rule
    from resilience.degradation.service import Degradation
    from resilience.degradation.states import DegradationState, FeatureState
    from resilience.healing.actions import Action, ActionRecord
    from resilience.health.machine import disk_check, loop_lag_check, memory_check
    from resilience.health.report import HealthReport
    from resilience.health.results import CheckResult
    from resilience.health.services import http_check, redis_check, sql_check
    from resilience.health.settings import HealthSettings
    from resilience.limits.bulkheads import Bulkhead, BulkheadSnapshot
    from resilience.limits.headers import deadline_from_headers, deadline_headers
    from resilience.limits.layer import bulkhead_of
    from resilience.settings import Settings
    from resilience.strategies.checkpoints import FileCheckpoint, MemoryCheckpoint
    from resilience.strategies.escalation import Escalation
    from resilience.strategies.fallbacks import Fallback
    from resilience.strategies.restores import Restore
    from resilience.strategies.retries import Retry
    from resilience.strategies.retry_settings import RetrySettings
    from resilience.strategies.sources import Source
    from resilience.web.criticality import critical, sheddable

bulkhead = system.bulkhead
circuit = system.circuit
client = system.client
fallback = system.fallback
feature = system.feature
heal = system.heal
retry = system.retry
timeout = system.timeout

# The names that are loaded when somebody asks for them, as above for type checkers.
_MODULES = {
    "Action": "healing.actions",
    "ActionRecord": "healing.actions",
    "Bulkhead": "limits.bulkheads",
    "BulkheadSnapshot": "limits.bulkheads",
    "CheckResult": "health.results",
    "Circuit": "circuits.breaker",
    "CircuitFamily": "circuits.family",
    "CircuitSettings": "circuits.settings",
    "CircuitSnapshot": "circuits.snapshot",
    "CircuitState": "circuits.states",
    "ClockSkew": "chaos.faults",
    "Corrupt": "chaos.faults",
    "Degradation": "degradation.service",
    "DegradationState": "degradation.states",
    "Dimmer": "degradation.dimmer",
    "DimmerSnapshot": "degradation.dimming",
    "Dimming": "degradation.dimming",
    "Error": "chaos.faults",
    "Escalation": "strategies.escalation",
    "Exhaustion": "chaos.faults",
    "Experiment": "chaos.experiments",
    "Fallback": "strategies.fallbacks",
    "Fault": "chaos.faults",
    "Feature": "degradation.features",
    "FeatureState": "degradation.states",
    "FileCheckpoint": "strategies.checkpoints",
    "HealthReport": "health.report",
    "HealthSettings": "health.settings",
    "Latency": "chaos.faults",
    "Level": "degradation.levels",
    "MemoryCheckpoint": "strategies.checkpoints",
    "Outage": "chaos.faults",
    "Restore": "strategies.restores",
    "Result": "chaos.results",
    "Retry": "strategies.retries",
    "RetrySettings": "strategies.retry_settings",
    "Rule": "degradation.rules",
    "Settings": "settings",
    "Source": "strategies.sources",
    "TRANSIENT": "core.categories",
    "bulkhead_of": "limits.layer",
    "cascade": "chaos.presets",
    "circuit_of": "circuits.layer",
    "critical": "web.criticality",
    "deadline_from_headers": "limits.headers",
    "deadline_headers": "limits.headers",
    "disk_check": "health.machine",
    "error_burst": "chaos.presets",
    "http_check": "health.services",
    "latency_spike": "chaos.presets",
    "loop_lag_check": "health.machine",
    "memory_check": "health.machine",
    "outage": "chaos.presets",
    "protect": "core.protect",
    "redis_check": "health.services",
    "resource_exhaustion": "chaos.presets",
    "sheddable": "web.criticality",
    "slow_database": "chaos.presets",
    "sql_check": "health.services",
}

__all__ = [
    "TRANSIENT",
    "Action",
    "ActionRecord",
    "Bulkhead",
    "BulkheadFullError",
    "BulkheadSnapshot",
    "ChaosRefusedError",
    "CheckResult",
    "Circuit",
    "CircuitFamily",
    "CircuitOpenError",
    "CircuitSettings",
    "CircuitSnapshot",
    "CircuitState",
    "ClockSkew",
    "ConfigurationError",
    "ConfigurationWarning",
    "Corrupt",
    "DeadlineExceededError",
    "DecorationError",
    "Degradation",
    "DegradationState",
    "Dimmer",
    "DimmerSnapshot",
    "Dimming",
    "Error",
    "Escalation",
    "Event",
    "Exhaustion",
    "Experiment",
    "Fallback",
    "Fault",
    "Feature",
    "FeatureDisabledError",
    "FeatureState",
    "FileCheckpoint",
    "HealthReport",
    "HealthSettings",
    "InjectedFaultError",
    "Latency",
    "Level",
    "MemoryCheckpoint",
    "Outage",
    "OverloadedError",
    "Rejected",
    "ResilienceError",
    "Restore",
    "Result",
    "Retry",
    "RetrySettings",
    "Rule",
    "Settings",
    "Source",
    "StoreUnavailableError",
    "System",
    "UnknownSettingError",
    "bulkhead",
    "bulkhead_of",
    "cascade",
    "circuit",
    "circuit_of",
    "client",
    "critical",
    "deadline_from_headers",
    "deadline_headers",
    "disk_check",
    "error_burst",
    "explain",
    "fallback",
    "feature",
    "guarded",
    "heal",
    "http_check",
    "latency_spike",
    "loop_lag_check",
    "memory_check",
    "outage",
    "protect",
    "redis_check",
    "remaining",
    "resource_exhaustion",
    "retry",
    "sheddable",
    "signals",
    "slow_database",
    "sql_check",
    "system",
    "timeout",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
