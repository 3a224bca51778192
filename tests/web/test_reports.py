"""What `/health` tells those who may know, without any framework."""

import json
from typing import Any

import pytest

from resilience import CheckResult, System
from resilience.settings import WebSettings
from resilience.testing import ManualClock
from resilience.web.endpoints import answer
from resilience.web.reports import MOST_CIRCUITS


@pytest.fixture
def system(clock: ManualClock) -> System:
    """Give a system on a manual clock."""
    return System(clock=clock)


def told(system: System) -> Any:
    """Return the body of `/health` for an operator, which is plain JSON."""
    found = answer(system, WebSettings(), "GET", "/health", {}, lambda: "ops")
    assert found is not None
    return json.loads(found.body, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_an_app_without_anything_is_well(system: System) -> None:
    """Nothing known to be wrong."""
    body = told(system)

    assert (body["status"], body["score"], body["level"], body["trend"]) == (
        "pass",
        100.0,
        "ok",
        None,
    )
    assert (body["components"], body["checks"]) == ({}, {})
    assert body["circuits"] == {"count": 0, "refusing": 0}


def test_a_check_that_never_ran(system: System) -> None:
    """Is unknown, and has no time."""
    system.health.check("postgres", lambda: None, component="database")

    body = told(system)

    assert body["checks"]["database:postgres"] == [
        {"componentType": "component", "status": "unknown", "criticality": "medium"}
    ]
    assert body["components"]["database"]["score"] is None


def test_a_check_without_a_measurement_tells_its_latency(
    system: System, clock: ManualClock
) -> None:
    """Which is what the draft's `observedValue` is for."""
    system.health.check("postgres", lambda: clock.advance(0.0123456789))
    system.tick()

    [check] = told(system)["checks"]["postgres"]

    assert (check["observedValue"], check["observedUnit"]) == (0.012346, "s")
    assert (check["availability"], check["latency_p95"]) == (100.0, 0.012346)
    assert "flapping" not in check
    assert "overdue" not in check


def test_an_availability_of_nothing_is_told(system: System) -> None:
    """Zero is a number."""
    system.health.check("postgres", lambda: CheckResult("fail", observed_value=0))
    system.tick()

    body = told(system)

    [check] = body["checks"]["postgres"]
    assert (check["availability"], check["observedValue"]) == (0.0, 0)
    assert body["components"]["postgres"]["score"] == 0.0
    assert body["components"]["postgres"]["latency"] == 0.0


def test_what_is_overdue_or_flaps_says_so(system: System, clock: ManualClock) -> None:
    """Each in its check."""
    answers = iter([True, False] * 10)
    system.health.check("restless", lambda: next(answers))
    system.health.check("quiet", lambda: None, interval=1)
    system.configure({"health": {"checks": {"quiet": {"interval": 1}}}})
    for _ in range(10):
        clock.advance(5)
        system.tick()
    clock.advance(4)

    checks = told(system)["checks"]

    assert (checks["restless"][0]["status"], checks["restless"][0]["flapping"]) == ("fail", True)
    assert (checks["quiet"][0]["status"], checks["quiet"][0]["overdue"]) == ("unknown", True)


def test_of_very_many_circuits_the_worrying_ones_are_told(system: System) -> None:
    """All of them are counted."""
    for number in range(300):
        system.circuits.get(f"tenant-{number}")
    for number in (250, 299):
        system.circuits[f"tenant-{number}"].force_open()

    body = told(system)

    assert body["circuits"] == {"count": 300, "refusing": 2}
    assert len(body["checks"]) == MOST_CIRCUITS
    assert {"circuit:tenant-250", "circuit:tenant-299", "circuit:tenant-0"} <= set(body["checks"])
    assert body["components"]["circuits"]["status"] == "warn"
