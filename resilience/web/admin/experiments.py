"""Experiments in the dashboard: what waits, what runs, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resilience.core.demand import is_made
from resilience.systems import System
from resilience.web.admin.dialog import PLAN
from resilience.web.admin.markup import Content, element, joined
from resilience.web.admin.pieces import NONE, button, duration, moment, table
from resilience.web.times import timestamp

if TYPE_CHECKING:
    from resilience.chaos.following import Following
    from resilience.chaos.runs import Run

Payload = dict[str, Any]

SHOWN = 10
"""How many results are shown, the last first."""


def experiments_of(system: System) -> Payload | None:
    """Return the plans, runs and results; None where nobody made any."""
    if not is_made(system, "chaos"):
        return None
    chaos = system.chaos
    plans = [
        {
            "name": each.experiment.name,
            "fault": each.experiment.fault.KIND,
            "target": each.experiment.target_name,
            "asked_by": each.asked_by,
            "asked_at": timestamp(each.asked_at),
            "approved_by": each.approved_by,
        }
        for each in chaos.plans()
    ]
    under_way: list[Run | Following] = [*chaos.running(), *chaos.following()]
    running = [
        {
            "name": each.experiment.name,
            "fault": each.experiment.fault.KIND,
            "target": each.experiment.target_name,
            "asked_by": each.actor,
            "since": timestamp(each.started_at),
            "remaining": each.remaining,
            "calls": each.injection.seen,
            "injected": each.injection.hit,
        }
        for each in under_way
    ]
    results = [
        {**each.plain(), "started_at": timestamp(each.started_at)}
        for each in chaos.results()[: -SHOWN - 1 : -1]
    ]
    return {"plans": plans, "running": running, "results": results}


def experiments(told: Payload, may_operate: bool) -> Content:
    """Return the tables of experiments."""
    rows = [
        *(_running(each, may_operate) for each in told["running"]),
        *(_plan(each, may_operate) for each in told["plans"]),
        *(_result(each) for each in told["results"]),
    ]
    plan = button("Plan an experiment", "chaos.plan", takes=PLAN) if may_operate else None
    if not rows:
        return joined(element("p", "No experiment yet.", class_="quiet"), plan)
    heads = ("Experiment", "Status", "Fault", "Target", "Calls hit", "What it showed", "Orders")
    return joined(table("Experiments, running ones first", heads, rows), plan)


def _running(run: Payload, may_operate: bool) -> tuple[Content, ...]:
    return (
        element("code", run["name"]),
        f"running, {duration(run['remaining'])} left",
        run["fault"],
        element("code", run["target"]),
        f"{run['injected']} of {run['calls']}",
        NONE,
        button("Halt all", "chaos.halt") if may_operate else NONE,
    )


def _plan(plan: Payload, may_operate: bool) -> tuple[Content, ...]:
    asked = f"asked for by {plan['asked_by'] or 'the app'}"
    approved = f", approved by {plan['approved_by']}" if plan["approved_by"] else ""
    buttons = [
        button("Approve", "chaos.approve", name=plan["name"]),
        button("Run", "chaos.run", name=plan["name"]),
    ]
    return (
        element("code", plan["name"]),
        f"{asked}{approved}",
        plan["fault"],
        element("code", plan["target"]),
        NONE,
        NONE,
        element("div", buttons, class_="actions") if may_operate else NONE,
    )


def _result(result: Payload) -> tuple[Content, ...]:
    said = [*result["observations"], *result["recommendations"]]
    return (
        element("code", result["name"]),
        (
            f"{result['status']}{': ' if result['reason'] else ''}{result['reason']} ",
            moment(result["started_at"]),
        ),
        result["fault"],
        element("code", result["target"]),
        f"{result['injected']} of {result['calls']}",
        element("ul", [element("li", each) for each in said]) if said else NONE,
        NONE,
    )
