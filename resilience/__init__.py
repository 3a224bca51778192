"""resilience: keeps Python web apps up while the things they call go down."""

from resilience import signals
from resilience.circuits.breaker import Circuit
from resilience.circuits.family import CircuitFamily
from resilience.circuits.layer import circuit_of
from resilience.circuits.settings import CircuitSettings
from resilience.circuits.snapshot import CircuitSnapshot
from resilience.circuits.states import CircuitState
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
from resilience.settings import Settings
from resilience.strategies.sources import Source
from resilience.systems import System, system

circuit = system.circuit
fallback = system.fallback

__all__ = [
    "BulkheadFullError",
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
    "Settings",
    "Source",
    "StoreUnavailableError",
    "System",
    "UnknownSettingError",
    "circuit",
    "circuit_of",
    "explain",
    "fallback",
    "guarded",
    "protect",
    "signals",
    "system",
]
