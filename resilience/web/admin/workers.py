"""The fleet in the dashboard: who is alive, who has taken in what was ordered, who is cut off."""

from __future__ import annotations

from typing import Any

from resilience.web.admin.markup import Content, element, joined
from resilience.web.admin.pieces import NONE, badge, duration, table

Payload = dict[str, Any]


def fleet(told: Payload) -> Content:
    """Return the state of the store, and the workers that it has heard of."""
    heads = ("Worker", "Host", "Heard of", "Orders", "Level", "Open circuits", "Ill components")
    rows = [_worker(each) for each in told["workers"]]
    return joined(_store(told), table("Workers", heads, rows) if rows else None)


def _store(told: Payload) -> Content:
    where = element("code", told["address"])
    if told["online"]:
        return element("p", f"{told['live']} workers share ", where, class_="quiet")
    why = told["error"] or "not asked yet"
    return element(
        "p", badge("warn"), " This worker is on its own: ", where, f" does not answer ({why})."
    )


def _worker(worker: Payload) -> tuple[Content, ...]:
    leaving = " (leaving)" if worker.get("leaving") else ""
    return (
        joined(element("code", worker["worker"]), leaving),
        str(worker.get("host", "")),
        f"{duration(worker['silent'])} ago",
        "confirmed" if worker["confirmed"] else "not yet confirmed",
        badge(str(worker.get("level", "normal"))),
        _names(worker.get("open")),
        _names(worker.get("ill")),
    )


def _names(names: Any) -> Content:
    return ", ".join(str(each) for each in names) if names else NONE
