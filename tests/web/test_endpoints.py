"""The endpoints, without any framework."""

import json

import pytest

from resilience import Feature, Rule, System
from resilience.settings import WebSettings
from resilience.testing import ManualClock
from resilience.web.answers import Answer
from resilience.web.endpoints import NAMES, answer


@pytest.fixture
def system() -> System:
    """Give a system on a manual clock."""
    return System(clock=ManualClock())


def nobody() -> None:
    """Tell that the public asks."""


def unasked() -> object:
    """Fail: who asks does not matter here."""
    raise AssertionError("asked who it is")


def get(system: System, path: str, *, actor: object = None) -> Answer:
    """Return the answer to a GET."""
    found = answer(system, WebSettings(), "GET", path, {}, lambda: actor)
    assert found is not None
    return found


@pytest.mark.parametrize("path", ["/", "/healthy", "/health/", "/health/live/x", "/HEALTH", ""])
def test_other_paths_are_left_to_the_app(system: System, path: str) -> None:
    """Only the exact paths are ours."""
    assert answer(system, WebSettings(), "GET", path, {}, unasked) is None


@pytest.mark.parametrize("path", NAMES.values())
def test_endpoints_can_be_switched_off(system: System, path: str) -> None:
    """Then every path is the app's."""
    assert answer(system, WebSettings(endpoints=False), "GET", path, {}, unasked) is None


@pytest.mark.parametrize("path", NAMES.values())
@pytest.mark.parametrize("method", ["POST", "OPTIONS", "TRACE", "get", ""])
def test_other_methods_are_refused(system: System, path: str, method: str) -> None:
    """With what is allowed, and nothing to cache."""
    refused = answer(system, WebSettings(), method, path, {}, unasked)

    assert refused is not None
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD")
    assert refused.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_who_asks_is_only_asked_where_it_matters(system: System, path: str) -> None:
    """Finding out may cost a query, which a probe must not depend on."""
    found = answer(system, WebSettings(), "GET", path, {}, unasked)

    assert found is not None
    assert found.status == 200


@pytest.mark.parametrize(
    ("order", "status"),
    [("force_open", "warn"), ("force_closed", "pass"), ("disable", "pass"), ("shadow", "pass")],
)
def test_health_warns_while_calls_are_refused(system: System, order: str, status: str) -> None:
    """An operator's order to let calls through is no worry; to refuse them is one."""
    getattr(system.circuits.get("payments"), order)(reason="drill", actor="ops", for_=60)

    public = json.loads(get(system, "/health").body)
    details = json.loads(get(system, "/health", actor="ops").body)

    assert {"status": status} == public
    assert status == details["status"]
    assert status == details["checks"]["circuit:payments"][0]["status"]


def test_an_operators_order_is_among_the_details(system: System) -> None:
    """Who, why, and until when."""
    system.circuits.get("payments").force_open(reason="drill", actor="ops", for_=60)

    [check] = json.loads(get(system, "/health", actor="ops").body)["checks"]["circuit:payments"]

    assert check["forced"] == {
        "kind": "forced_open",
        "reason": "drill",
        "actor": "ops",
        "ends_in": 60.0,
    }
    assert check["retry_after"] == 60.0


def test_circuits_of_one_name_are_all_there(system: System) -> None:
    """Keys that look alike give circuits of one name; the worst of them counts."""

    @system.circuit("tenants", key=lambda tenant: tenant, failure_threshold=1)
    def fetch(tenant: object) -> None:
        if tenant == 1:
            raise ConnectionError

    fetch("1")
    with pytest.raises(ConnectionError):
        fetch(1)

    payload = json.loads(get(system, "/health", actor="ops").body)

    states = [each["observedValue"] for each in payload["checks"]["circuit:tenants[1]"]]
    assert (payload["status"], states) == ("warn", ["closed", "open"])


def test_reading_health_changes_nothing(system: System) -> None:
    """An open circuit whose time is up stays as it is until a call comes."""
    circuit = system.circuits.get("payments", failure_threshold=1, reset_timeout=10)
    with pytest.raises(ZeroDivisionError):
        circuit.call(lambda: 1 // 0)
    clock = system.runtime.clock
    assert isinstance(clock, ManualClock)
    clock.advance(60)
    before = circuit.snapshot()

    get(system, "/health")
    get(system, "/health", actor="ops")

    assert before == circuit.snapshot()


def test_a_rule_whose_metric_fails_is_a_warning(system: System) -> None:
    """Why is for those allowed: it may hold what nobody else may see."""

    def queue() -> float:
        raise ConnectionError("no queue at 10.0.0.7")

    system.degradation.metric("queue", queue)
    system.degradation.rule(Rule("queue", ">", 5, "reduced"))
    before = json.loads(get(system, "/health").body)
    system.tick()

    public, full = (json.loads(get(system, "/health", actor=actor).body) for actor in (None, "ops"))
    [check] = full["checks"]["rule:queue > 5"]
    assert (before, public) == ({"status": "pass"}, {"status": "warn"})
    assert (check["status"], check["observedValue"]) == ("warn", "inactive")
    assert check["output"] == "ConnectionError: no queue at 10.0.0.7"
    assert json.loads(get(system, "/health/ready").body) == {"status": "pass"}


def test_what_the_healer_says_is_for_those_allowed(system: System) -> None:
    """It holds the text of an exception."""
    system.degradation.degrade("reduced", "OSError: hunter2@10.0.0.7", trigger="healer")

    public, full = (
        json.loads(get(system, "/degradation", actor=actor).body) for actor in (None, "ops")
    )

    assert public["reason"] == "a component could not be recovered"
    assert (public["level"], public["trigger"]) == ("reduced", "healer")
    assert full["reason"] == "OSError: hunter2@10.0.0.7"


def test_degradation_in_full_has_rules_and_orders(system: System) -> None:
    """What each rule sees, and who ordered what until when."""
    system.degradation.metric("queue", lambda: 3)
    system.degradation.add(Feature("search"))
    system.degradation.rule(Rule("queue", ">", 5, "reduced", features=("search",)))
    system.degradation.disable("search", "slow", "ann", for_=60)
    system.tick()

    full = json.loads(get(system, "/degradation", actor="ops").body)

    assert full["rules"] == [
        {
            "rule": "queue > 5",
            "level": "reduced",
            "features": ["search"],
            "value": 3.0,
            "error": None,
        }
    ]
    [search] = full["features"]
    assert (search["cause"], search["reason"], search["rollout"]) == ("operator", "slow", 100)
    assert search["orders"]["enabled"]["actor"] == "ann"
    assert search["orders"]["enabled"]["ends"].endswith("Z")
