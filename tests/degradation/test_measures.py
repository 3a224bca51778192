"""The built-in metrics are really measured; each with a system as users have it."""

import asyncio
import time
from typing import Any

import pytest

from resilience import Rule, System
from resilience.degradation.metrics import BUILT_IN
from resilience.testing import ManualClock


def seen(system: System, clock: ManualClock, metric: str) -> float | None:
    """Return what a rule on `metric` sees, now."""
    rule = Rule(metric, "!=", 0, "reduced")
    if rule not in [each.rule for each in system.degradation.rules]:
        system.degradation.rule(rule)
    clock.advance(1)
    system.tick()
    [state] = [each for each in system.degradation.rules if each.rule == rule]
    assert state.error == ""
    return state.value


@pytest.mark.parametrize("metric", BUILT_IN)
def test_every_metric_can_be_read(system: System, clock: ManualClock, metric: str) -> None:
    """Also where nothing has happened yet; then it is no trouble."""
    found = [seen(system, clock, metric) for _ in range(8)]

    assert found[-1] is None or 0 <= found[-1] <= 100
    if metric != "cpu":  # busy machines are busy
        assert system.degradation.level == "normal" or metric in {"memory", "health_score"}


def test_requests_are_measured_whole_and_by_route(system: System, clock: ManualClock) -> None:
    """Errors and latency; of fewer than ten requests nothing is said."""
    for number in range(20):
        system.traffic.record("/pay", 0.5, failed=number % 2 == 0)
        system.traffic.record("/read", 0.01, failed=False)
    system.traffic.record("/rare", 9.0, failed=True)

    assert seen(system, clock, "error_rate") == pytest.approx(11 / 41)
    assert seen(system, clock, "error_rate:/pay") == 0.5
    assert seen(system, clock, "error_rate:/read") == 0
    assert seen(system, clock, "error_rate:/rare") is None
    assert seen(system, clock, "latency_p95:/pay") == pytest.approx(0.5, rel=0.1)
    assert seen(system, clock, "latency_p95:/read") == pytest.approx(0.01, rel=0.1)
    assert seen(system, clock, "latency_p95") == pytest.approx(0.5, rel=0.1)


def test_circuits_that_reject_are_counted(system: System, clock: ManualClock) -> None:
    """Open ones and half-open ones; not those in shadow, or forced closed. By name, and by key."""
    for name in ("a", "b", "c", "d", "e"):
        system.circuits.get(name, failure_threshold=1, reset_timeout=5)
    tenants = system.circuit("tenant", key=lambda tenant: tenant, failure_threshold=1)(fail)
    for tenant in ("x", "y"):
        with pytest.raises(ConnectionError):
            tenants(tenant)
    with pytest.raises(ConnectionError):
        system.circuits["a"].call(fail)
    system.circuits["b"].force_open("drill")
    system.circuits["c"].shadow("drill")
    system.circuits["d"].force_closed("drill")

    assert seen(system, clock, "open_circuits") == 4
    assert seen(system, clock, "open_circuits:a") == 1
    assert seen(system, clock, "open_circuits:e") == 0
    assert seen(system, clock, "open_circuits:tenant") == 2
    assert seen(system, clock, "open_circuits:tenant[x]") == 1
    assert seen(system, clock, "open_circuits:ten") == 0
    clock.advance(6)
    system.circuits["a"].call(int)  # the first trial: half-open
    assert system.circuits["a"].state == "half_open"
    assert seen(system, clock, "open_circuits:a") == 1
    system.circuits["a"].call(int)
    assert seen(system, clock, "open_circuits:a") == 0


def fail(_: Any = None) -> None:
    """Fail."""
    raise ConnectionError


def test_an_open_circuit_takes_a_feature_back_and_gives_it_back(
    system: System, clock: ManualClock
) -> None:
    """By a rule that names both; the app's level stays."""
    call = system.circuit("recommender", failure_threshold=1, reset_timeout=600)(fail)

    @system.feature("recommendations", otherwise="none", off_at="minimal")
    def extras() -> str:
        return "some"

    system.degradation.rule(
        Rule("open_circuits:recommender", ">=", 1, "minimal", features=("recommendations",))
    )

    def after(seconds: int) -> str:
        for _ in range(seconds):
            system.tick()
            clock.advance(1)
        return extras()

    assert after(10) == "some"
    with pytest.raises(ConnectionError):
        call()
    assert after(6) == "none"
    assert system.degradation.level == "normal"
    system.circuits["recommender"].reset()
    assert after(61) == "some"


def test_health_is_measured_whole_and_by_component(system: System, clock: ManualClock) -> None:
    """A check that fails brings the score down; what has no result says nothing."""
    healthy = True

    @system.health.check("postgres", criticality="critical")
    def answers() -> bool:
        return healthy

    assert seen(system, clock, "health_score") == 100
    healthy = False
    for _ in range(300):
        clock.advance(1)
        system.tick()

    score = seen(system, clock, "health_score")
    assert score is not None
    assert score < 60
    component = seen(system, clock, "health_score:postgres")
    assert component is not None
    assert component < 60
    assert seen(system, clock, "health_score:nobody") is None


def test_memory_and_cpu_are_shares(system: System, clock: ManualClock) -> None:
    """Of what the container or machine allows."""
    memory = seen(system, clock, "memory")
    until = time.process_time() + 0.02
    seen(system, clock, "cpu")
    while time.process_time() < until:  # use some
        pass
    cpu = seen(system, clock, "cpu")

    assert memory is not None
    assert 0 < memory <= 1
    assert cpu is None or 0 <= cpu <= 1


def test_the_loops_lag_is_seen_where_a_loop_drives_the_engine(
    system: System, clock: ManualClock
) -> None:
    """Under WSGI there is none, and nothing to say."""
    assert seen(system, clock, "loop_lag") is None

    async def serve() -> float | None:
        seen(system, clock, "loop_lag")
        for _ in range(500):
            await asyncio.sleep(0)
            found = seen(system, clock, "loop_lag")
            if found is not None:
                return found
        return None

    assert asyncio.run(serve()) is not None


def test_nothing_is_measured_that_no_rule_looks_at(system: System, clock: ManualClock) -> None:
    """Parts are made by the first rule that needs them."""
    system.degradation.rule(Rule("open_circuits", ">", 3, "reduced"))
    clock.advance(1)
    system.tick()

    assert {"host", "traffic", "health"}.isdisjoint(vars(system))
