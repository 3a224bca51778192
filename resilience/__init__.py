"""resilience: keeps Python web apps up while the things they call go down."""

from resilience import signals
from resilience.circuits.breaker import Circuit
from resilience.circuits.family import CircuitFamily
from resilience.circuits.layer import circuit_of
from resilience.circuits.settings import CircuitSettings
from resilience.circuits.snapshot import CircuitSnapshot
from resilience.circuits.states import CircuitState
from resilience.core.categories import TRANSIENT
from resilience.core.deadline import remaining
from resilience.core.guard import explain, guarded
from resilience.core.protect import protect
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
from resilience.limits.bulkheads import Bulkhead, BulkheadSnapshot
from resilience.limits.headers import deadline_from_headers, deadline_headers
from resilience.limits.layer import bulkhead_of
from resilience.settings import Settings
from resilience.strategies.retries import Retry
from resilience.strategies.retry_settings import RetrySettings
from resilience.strategies.sources import Source
from resilience.systems import System, system

bulkhead = system.bulkhead
circuit = system.circuit
fallback = system.fallback
retry = system.retry
timeout = system.timeout

__all__ = [
    "TRANSIENT",
    "Bulkhead",
    "BulkheadFullError",
    "BulkheadSnapshot",
    "ChaosRefusedError",
    "Circuit",
    "CircuitFamily",
    "CircuitOpenError",
    "CircuitSettings",
    "CircuitSnapshot",
    "CircuitState",
    "ConfigurationError",
    "ConfigurationWarning",
    "DeadlineExceededError",
    "DecorationError",
    "Event",
    "FeatureDisabledError",
    "InjectedFaultError",
    "OverloadedError",
    "Rejected",
    "ResilienceError",
    "Retry",
    "RetrySettings",
    "Settings",
    "Source",
    "StoreUnavailableError",
    "System",
    "UnknownSettingError",
    "bulkhead",
    "bulkhead_of",
    "circuit",
    "circuit_of",
    "deadline_from_headers",
    "deadline_headers",
    "explain",
    "fallback",
    "guarded",
    "protect",
    "remaining",
    "retry",
    "signals",
    "system",
    "timeout",
]
