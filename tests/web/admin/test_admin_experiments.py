"""Experiments by the dashboard's API: asked for, approved, run, refused."""

import json

from resilience import System
from resilience.web.admin import api
from tests.web.admin.asking import act, ask, said


def test_an_experiment_is_planned_approved_run_and_halted(shop: System) -> None:
    """By two people; the page shows each step, and what came of it."""
    shop.configure({"chaos": {"enabled": True, "require_approval": True}})
    table = {"name": "slow", "fault": {"kind": "latency", "seconds": 1}, "target": "payments"}

    assert act(shop, action="chaos.plan", experiment=table).status == 200
    assert act(shop, action="chaos.approve", name="slow").status == 409
    assert act(shop, action="chaos.run", name="slow").status == 409
    body = json.dumps({"reason": "go", "action": "chaos.approve", "name": "slow"}).encode()
    assert ask(shop, api.ACTIONS, "POST", body=body, actor="bob").status == 200
    assert act(shop, action="chaos.run", name="slow").status == 200

    told = said(ask(shop, api.STATE))["experiments"]
    assert [each["name"] for each in told["running"]] == ["slow"]
    assert b"Halt all" in ask(shop, api.HOME).body
    assert act(shop, action="chaos.halt").status == 200
    told = said(ask(shop, api.STATE))["experiments"]
    assert told["running"] == []
    assert told["results"][0]["status"] == "aborted"
    assert b"aborted: because (ada)" in ask(shop, api.HOME).body


def test_what_is_no_experiment_is_refused(shop: System) -> None:
    """By name, with nothing injected, and no module loaded for it."""
    fault = {"kind": "error", "exception": "antigravity:Fly"}

    answer = act(
        shop, action="chaos.plan", experiment={"name": "x", "fault": fault, "target": "payments"}
    )

    assert answer.status == 400
    assert "antigravity:Fly" in said(answer)["detail"]


def test_what_an_experiment_is_about_has_to_be_there(system: System) -> None:
    """An unknown target is as an unknown circuit; what cannot be an experiment is a bad request."""
    system.configure({"chaos": {"enabled": True}}, source="test")
    good = {"name": "x\u2028y", "fault": "outage", "target": "payments", "seed": 7.0}
    unknown = act(system, action="chaos.plan", experiment=good)
    system.circuits.get("payments")
    planned = act(system, action="chaos.plan", experiment=good)
    wrong = act(system, action="chaos.plan", experiment={**good, "match": {}})

    assert (unknown.status, planned.status, wrong.status) == (404, 200, 400)
    assert "unknown target 'payments'" in said(unknown)["detail"]
    [plan] = system.chaos.plans()
    assert (plan.experiment.name, plan.experiment.seed) == ("x?y", 7)
