"""The dashboard's API, without any framework: who may, what comes back, what is refused."""

from typing import Any

import pytest

from resilience import Event, System
from resilience.testing import ManualClock
from resilience.web.admin import api
from resilience.web.admin.actions import ACTIONS
from tests.web.admin.asking import act, ask, said


@pytest.mark.parametrize(
    "path", [api.ROOT, api.HOME, api.STATE, api.EVENTS, api.ACTIONS, api.OPENAPI, "/resilience/x"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_for_strangers_there_is_nothing(system: System, path: str, method: str) -> None:
    """Every method on every path is the same 404."""
    answer = ask(system, path, method, actor=None)

    assert (answer.status, said(answer)["title"]) == (404, "Not Found")
    assert "Allow" not in answer.headers


def test_nothing_is_cached_and_nothing_inline_would_run(system: System) -> None:
    """Pages and data alike."""
    for path in (api.HOME, api.STATE, api.EVENTS, f"{api.ASSETS}dashboard.js"):
        assert ask(system, path).headers["Cache-Control"] == "no-store"
    policy = ask(system, api.HOME).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    page = ask(system, api.HOME).body.decode()
    assert "style=" not in page
    assert "<script>" not in page
    assert " on" + "click" not in page


def test_circuits_come_worst_first(system: System) -> None:
    """An open one before a closed one; of those the one that fails more."""
    system.circuits.get("well").call(int)
    ill = system.circuits.get("ill", min_calls=1, failure_threshold=9)
    ill.call(int)
    with pytest.raises(ZeroDivisionError):
        ill.call(lambda: 1 // 0)
    system.circuits.get("down").force_open("broken", "bob")

    names = [each["name"] for each in said(ask(system, api.STATE))["circuits"]]

    assert names == ["down", "ill", "well"]


def test_calls_of_the_last_minute_are_there(system: System, clock: ManualClock) -> None:
    """Second by second, as far as they were kept."""
    circuit = system.circuits.get("it")
    system.recent.look()
    for calls in (3, 0, 1):
        for _ in range(calls):
            circuit.call(int)
        clock.advance(1)
        system.recent.look()

    [shown] = said(ask(system, api.STATE))["circuits"]

    assert shown["seconds"][-3:] == [[3, 0, 0], [0, 0, 0], [1, 0, 0]]


def test_what_users_named_is_escaped(system: System) -> None:
    """Names, reasons, and errors."""
    system.circuits.get("<script>alert(1)</script>").force_open('"><b>', "<i>eve</i>")

    page = ask(system, api.HOME, actor="<u>ada</u>").body.decode()

    assert not [each for each in ("<script>alert", '"><b>', "<i>eve", "<u>ada") if each in page]
    assert "&lt;script&gt;alert(1)" in page


# -- orders -------------------------------------------------------------------------------------


ORDERS: dict[str, dict[str, Any]] = {
    "circuit.force_open": {"name": "payments", "for": 600},
    "circuit.force_closed": {"name": "payments"},
    "circuit.disable": {"name": "payments"},
    "circuit.shadow": {"name": "payments"},
    "circuit.release": {"name": "payments"},
    "circuit.reset": {"name": "payments"},
    "level.degrade": {"level": "minimal", "for": 60},
    "level.recover": {},
    "feature.enable": {"name": "extras"},
    "feature.disable": {"name": "extras"},
    "feature.kill": {"name": "extras"},
    "feature.rollout": {"name": "extras", "percent": 20},
    "feature.release": {"name": "extras"},
    "healer.recover": {"name": "database"},
    "chaos.plan": {"experiment": {"name": "new", "fault": "outage", "target": "payments"}},
    "chaos.approve": {"name": "gone"},
    "chaos.run": {"name": "gone"},
    "chaos.halt": {},
}


def test_every_action_is_tried() -> None:
    """None is forgotten below."""
    assert set(ORDERS) == set(ACTIONS)


@pytest.mark.parametrize("action", sorted(ORDERS))
def test_an_order_is_done_and_told(shop: System, events: list[Event], action: str) -> None:
    """With who ordered it, and why."""
    answer = act(shop, action=action, **ORDERS[action])

    assert answer.status == 200
    acted = [each for each in events if each.type == "operator_acted"]
    assert len(acted) == 1
    assert acted[0].data["action"] == action
    assert (acted[0].data["actor"], acted[0].data["reason"]) == ("ada", "because")
    assert said(ask(shop, api.EVENTS))["events"][-1]["type"] == "operator_acted"


def test_orders_take_effect(shop: System, clock: ManualClock) -> None:
    """And end when they should."""
    act(shop, action="circuit.force_open", name="payments", **{"for": 600})
    act(shop, action="level.degrade", level="reduced", **{"for": 60})
    act(shop, action="feature.kill", name="extras")

    assert shop.circuits["payments"].state == "forced_open"
    assert shop.circuits["payments"].snapshot().forced == {
        "kind": "forced_open",
        "reason": "because",
        "actor": "ada",
        "ends_in": 600.0,
    }
    assert str(shop.degradation.level) == "reduced"
    assert not shop.degradation.enabled("extras")
    clock.advance(601)
    shop.tick()
    assert shop.circuits["payments"].state == "closed"
    assert str(shop.degradation.level) == "normal"
    assert not shop.degradation.enabled("extras")


BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "no action": ({"action": None}, 400, "action=None"),
    "unknown action": ({"action": "circuit.open"}, 400, "did you mean 'circuit."),
    "no name": ({"action": "circuit.reset"}, 400, "name is missing"),
    "all is well": (
        {"action": "healer.recover", "name": "datbase"},
        409,
        "did you mean 'database'?: not well are database",
    ),
    "unknown circuit": (
        {"action": "circuit.reset", "name": "paymets"},
        404,
        "did you mean 'payments'?",
    ),
    "unknown feature": ({"action": "feature.kill", "name": "xtras"}, 404, "did you mean 'extras'?"),
    "no reason": ({"action": "level.recover", "reason": ""}, 400, "reason is missing"),
    "long reason": ({"action": "level.recover", "reason": "x" * 201}, 400, "1 to 200 characters"),
    "no time": (
        {"action": "circuit.force_open", "name": "payments", "for": 0},
        400,
        "for=0: give a number > 0",
    ),
    "endless": (
        {"action": "circuit.force_open", "name": "payments", "for": 1e300},
        400,
        "<= 2.592e+06",
    ),
    "unknown level": ({"action": "level.degrade", "level": "low"}, 400, "level='low'"),
    "too much": (
        {"action": "feature.rollout", "name": "extras", "percent": 101},
        400,
        "percent=101: give a number >= 0 and <= 100",
    ),
    "unknown field": ({"action": "level.recover", "lvel": 1}, 400, "unknown field 'lvel'"),
    "a list": ({"action": ["level.recover"]}, 400, "action=['level.recover']"),
}


@pytest.mark.parametrize("wrong", sorted(BAD))
def test_what_cannot_be_is_refused_by_name(shop: System, events: list[Event], wrong: str) -> None:
    """And nothing is done."""
    order, status, detail = BAD[wrong]

    answer = act(shop, **order)

    assert answer.status == status
    assert detail in said(answer)["detail"]
    assert events == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 5000, b'{"a": NaN}'])
def test_a_body_that_is_no_object_is_refused(shop: System, body: bytes) -> None:
    """As what it is."""
    assert ask(shop, api.ACTIONS, "POST", body=body).status == 400


def test_a_large_body_is_refused(shop: System) -> None:
    """Before it is read as JSON."""
    assert ask(shop, api.ACTIONS, "POST", body=b" " * (api.LARGEST + 1)).status == 413


def test_a_form_is_refused(shop: System) -> None:
    """Other sites can send forms, but no JSON."""
    headers = {"content-type": "application/x-www-form-urlencoded"}

    assert act(shop, headers, action="level.recover").status == 415


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site", "origin": "https://shop.example"}, 403),
        ({"origin": "https://shop.example"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
    ],
)
def test_orders_from_other_sites_are_refused(
    shop: System, headers: dict[str, str], status: int
) -> None:
    """By what browsers say of where a request comes from."""
    assert act(shop, headers, action="level.recover").status == status


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        (api.ACTIONS, "GET", "POST"),
        (api.STATE, "POST", "GET, HEAD"),
        (api.HOME, "PUT", "GET, HEAD"),
    ],
)
def test_other_methods_are_refused(shop: System, path: str, method: str, allowed: str) -> None:
    """With those that are allowed."""
    answer = ask(shop, path, method)

    assert (answer.status, answer.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize(
    "path", ["/resilience/assets/../api.py", "/resilience/assets/", "/resilience/n"]
)
def test_no_other_file_is_served(system: System, path: str) -> None:
    """The list of files is closed."""
    assert ask(system, path).status == 404


# -- what happens -------------------------------------------------------------------------------


def test_events_come_after_the_one_that_was_seen_last(shop: System) -> None:
    """By number, in order."""
    for _ in range(3):
        act(shop, action="level.recover")
    last = said(ask(shop, api.EVENTS))["last"]

    found = said(ask(shop, api.EVENTS, query=f"after={last - 1}"))["events"]

    assert [each["id"] for each in found] == [last]


@pytest.mark.parametrize("query", ["after=x", "after=-1", "after=", "after=99999999999999999999"])
def test_an_id_that_is_none_is_refused(system: System, query: str) -> None:
    """By name."""
    assert ask(system, api.EVENTS, query=query).status == 400


def test_rejections_are_not_listed_and_cost_no_event(shop: System) -> None:
    """There may be thousands a second: with nobody else listening, none is even made."""
    shop.circuits["payments"].force_open()
    before = shop.recent.last
    for _ in range(5):
        with pytest.raises(Exception, match="open"):
            shop.circuits["payments"].call(int)

    assert shop.recent.last == before
    assert not shop.runtime.bus.listeners


def test_the_description_names_every_action(system: System) -> None:
    """As OpenAPI."""
    document = said(ask(system, api.OPENAPI))

    body = document["paths"]["/api/actions"]["post"]["requestBody"]
    orders = body["content"]["application/json"]["schema"]["oneOf"]
    assert {each["properties"]["action"]["const"] for each in orders} == set(ACTIONS)


@pytest.mark.parametrize("given", ["", "0", "-1", "nan", "inf", "soon"])
def test_a_checkup_refuses_a_server_timeout_that_cannot_be(shop: System, given: str) -> None:
    """In words that say what to give."""
    answer = ask(shop, api.CHECKUP, query=f"server_timeout={given}")

    assert answer.status == 400
    assert f"server_timeout='{given}': give seconds" in said(answer)["detail"]


def test_a_circuit_says_of_how_many_calls_how_many_went_wrong(
    system: System, clock: ManualClock
) -> None:
    """As a share once there are enough for one; and which were slow, as that opens it, too."""
    few = system.circuits.get("few", min_calls=5)
    slow = system.circuits.get("slow", min_calls=2, slow_call_duration=1.0, slow_call_rate=1.0)
    few.call(int)
    for seconds in (2.0, 0.0, 2.0):
        slow.call(clock.advance, seconds)

    page = ask(system, api.HOME).body.decode()

    assert ">0 of 1<" in page
    assert ">0 % of 3<small>2 slow</small><" in page
