"""The names, parameters and defaults that users write their programs against."""

import inspect
from typing import Any

import pytest

import resilience
from resilience import System, signals, testing
from resilience.core.guard import ORDER

CIRCUIT = {
    "name": None,
    "failure_threshold": 5,
    "failure_rate": 0.5,
    "min_calls": None,
    "window": 60.0,
    "window_calls": None,
    "slow_call_duration": None,
    "slow_call_rate": 0.5,
    "reset_timeout": 30.0,
    "reset_timeout_multiplier": 2.0,
    "reset_timeout_max": 300.0,
    "half_open_calls": 3,
    "success_threshold": 2,
    "half_open_timeout": None,
    "ramp": 0.0,
    "on": Exception,
    "ignore": (),
    "on_result": None,
    "key": None,
    "max_keys": 1000,
}
RETRY = {
    "attempts": 3,
    "on": resilience.TRANSIENT,
    "ignore": (),
    "on_result": None,
    "timeout": None,
    "backoff": "exponential",
    "initial_delay": 0.1,
    "max_delay": 5.0,
    "multiplier": 2.0,
    "jitter": "full",
    "budget": 0.2,
}
FALLBACK = {"on": Exception, "ignore": (), "stale_for": None, "cascade": True}
BULKHEAD = {"limit": 25, "max_wait": 0.0, "name": None}


def defaults(call: Any) -> dict[str, Any]:
    """Return `{parameter: default}` of those that have one."""
    parameters = inspect.signature(call).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not each.empty}


@pytest.mark.parametrize(
    ("decorator", "promised"),
    [("circuit", CIRCUIT), ("retry", RETRY), ("fallback", FALLBACK), ("bulkhead", BULKHEAD)],
)
def test_decorators_have_their_defaults(decorator: str, promised: dict[str, Any]) -> None:
    """The same for the bare decorator and as a method of a system of one's own."""
    assert defaults(getattr(resilience, decorator)) == promised
    assert defaults(getattr(System(), decorator)) == promised


def test_timeout_takes_seconds_and_a_name() -> None:
    """It has no default: nobody knows how long a call may take."""
    parameters = inspect.signature(resilience.timeout).parameters

    assert list(parameters) == ["seconds", "name"]
    assert defaults(resilience.timeout) == {"name": None}


def test_a_healer_takes_what_was_promised() -> None:
    """By these names."""
    healer = System().healer

    assert list(inspect.signature(healer.failed).parameters)[:4] == [
        "component",
        "name",
        "error",
        "severity",
    ]
    assert defaults(healer.run)["category"] is None
    assert defaults(healer.run)["severity"] == "medium"
    for method in ("run_async", "statistics", "history", "clear_history", "action"):
        assert callable(getattr(healer, method))


def test_health_takes_what_was_promised() -> None:
    """By these names."""
    health = System().health

    @health.check(
        "postgres", component="database", criticality="critical", interval=5.0, timeout=1.0
    )
    def check() -> None:
        """Look."""

    assert check() is None
    for method in ("report", "history", "clear_history"):
        assert callable(getattr(health, method))


def test_degradation_takes_what_was_promised() -> None:
    """By these names and defaults."""
    degradation = System().degradation
    parameters = inspect.signature(degradation.degrade).parameters

    assert list(parameters) == ["level", "reason", "trigger", "actor", "for_"]
    assert defaults(degradation.degrade) == {"trigger": "manual", "actor": None, "for_": None}
    assert degradation.state().level == degradation.level == "normal"
    assert degradation.enabled("whatever") is True
    assert degradation.capability("whatever") == 100


@pytest.mark.parametrize(
    ("kind", "promised"),
    [
        (
            "Feature",
            {
                "enabled": True,
                "priority": 50,
                "off_at": None,
                "rollout": 100,
                "key": None,
            },
        ),
        ("Rule", {"features": (), "for_": 5.0, "clear": None, "clear_for": 60.0}),
        (
            "Experiment",
            {"duration": 60.0, "share": 1.0, "steady_state": (), "match": None, "seed": None},
        ),
    ],
)
def test_records_have_their_defaults(kind: str, promised: dict[str, Any]) -> None:
    """Those that were promised among them."""
    assert promised.items() <= defaults(getattr(resilience, kind)).items()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("Latency", ["seconds", "jitter"]),
        ("Error", ["exception"]),
        ("Outage", []),
        ("Exhaustion", ["bulkhead"]),
        ("Corrupt", ["result"]),
        ("ClockSkew", ["seconds"]),
    ],
)
def test_faults_take_what_was_promised(name: str, parameters: list[str]) -> None:
    """By these names."""
    assert list(inspect.signature(getattr(resilience, name)).parameters) == parameters


PRESETS = [
    "latency_spike",
    "error_burst",
    "outage",
    "slow_database",
    "cascade",
    "resource_exhaustion",
]


@pytest.mark.parametrize("name", PRESETS)
def test_presets_make_an_experiment_on_a_target(name: str) -> None:
    """With no more than its name."""
    experiment = getattr(resilience, name)("payments")

    assert (experiment.target, experiment.duration) == ("payments", 60.0)


def test_chaos_has_its_settings() -> None:
    """Off, and safe."""
    settings = System().chaos.settings

    assert (settings.enabled, settings.safe_mode, settings.max_concurrent) == (False, True, 1)
    assert settings.max_duration == 600


def test_layers_run_in_one_order() -> None:
    """Outermost first."""
    assert " → ".join(ORDER) == (
        "feature → fallback → heal → retry → circuit → bulkhead → timeout → chaos"
    )


@pytest.mark.parametrize(
    ("error", "bases"),
    [
        ("ConfigurationError", ["ResilienceError", "ValueError"]),
        ("Rejected", ["ResilienceError"]),
        ("CircuitOpenError", ["Rejected"]),
        ("BulkheadFullError", ["Rejected"]),
        ("FeatureDisabledError", ["Rejected"]),
        ("OverloadedError", ["Rejected"]),
        ("DeadlineExceededError", ["ResilienceError", "TimeoutError"]),
        ("InjectedFaultError", ["ResilienceError"]),
        ("ChaosRefusedError", ["ResilienceError"]),
        ("StoreUnavailableError", ["ResilienceError"]),
    ],
)
def test_errors_have_their_bases(error: str, bases: list[str]) -> None:
    """So that `except` catches what users expect."""
    kind = getattr(resilience, error)

    assert [base.__name__ for base in kind.__bases__] == bases


def test_every_public_name_is_there() -> None:
    """What `__all__` lists can be had, and is listed in order."""
    missing = [name for name in resilience.__all__ if not hasattr(resilience, name)]

    assert missing == []
    assert set(resilience.__all__) <= set(dir(resilience))


SIGNALS = [
    "circuit_opened",
    "circuit_half_opened",
    "circuit_closed",
    "circuit_forced",
    "call_rejected",
    "retry_scheduled",
    "fallback_used",
    "failure_detected",
    "recovery_started",
    "recovery_succeeded",
    "recovery_failed",
    "escalated",
    "health_changed",
    "degradation_changed",
    "feature_changed",
    "chaos_started",
    "chaos_finished",
    "operator_acted",
    "fleet_changed",
]


@pytest.mark.parametrize("name", SIGNALS)
def test_signals_are_there(name: str) -> None:
    """Each of that name."""
    assert getattr(signals, name).name == name


@pytest.mark.parametrize(
    "name", ["ManualClock", "force_open", "record_events", "reset", "inactive"]
)
def test_testing_has_what_tests_need(name: str) -> None:
    """Importable from one place."""
    assert callable(getattr(testing, name))


PARTS = ["circuits", "health", "healer", "degradation", "chaos", "journal", "fleet"]
METHODS = ["start", "stop", "on_event", "configure", "tick"]


@pytest.mark.parametrize("name", PARTS + METHODS)
def test_a_system_has_its_parts(name: str) -> None:
    """Parts, and what drives them."""
    assert getattr(System(), name) is not None
