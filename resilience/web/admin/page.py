"""The dashboard's page: complete when it leaves the server, kept fresh by a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from resilience.web.admin.board import MOST
from resilience.web.admin.dialog import dialog
from resilience.web.admin.experiments import experiments
from resilience.web.admin.markup import Content, Markup, element, joined
from resilience.web.admin.pieces import (
    NONE,
    badge,
    button,
    duration,
    moment,
    percent,
    sparkline,
    table,
)
from resilience.web.admin.workers import fleet

Payload = dict[str, Any]

LEVELS = ("normal", "reduced", "minimal", "emergency")

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""The page's Content-Security-Policy: nothing inline, nothing from elsewhere."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What a framework adds to the page.

    Args:
        csrf: name and value of the header that has to come with each order; None: none has to.
        parent: name and address of the page that this one belongs to; None: it stands alone.
        may_operate: False: its reader only reads, and there are no buttons.
    """

    csrf: tuple[str, str] | None = None
    parent: tuple[str, str] | None = None
    may_operate: bool = True


ALONE = Frame()


def page(told: Payload, actor: str, live: str, frame: Frame = ALONE) -> str:
    """Return the whole page.

    Args:
        told: what `board` told.
        actor: who looks at it.
        live: "stream" where the server can push, else "poll".
        frame: what the framework adds.
    """
    csrf_header, csrf_token = frame.csrf or (None, None)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"Resilience: {told['level']['level']}"),
        element("link", rel="icon", href="assets/icon.svg"),
        element("link", rel="stylesheet", href="assets/dashboard.css"),
        element("script", type="module", src="assets/dashboard.js"),
    )
    body = element(
        "body",
        element("a", "Skip to the circuits", class_="skip", href="#circuits"),
        element(
            "header",
            element("h1", "Resilience"),
            _way_up(frame),
            element("p", element("a", "History", href="history")),
            element("p", f"signed in as {actor}", class_="quiet"),
            element("p", *_live, id="live", role="status", class_="quiet"),
        ),
        element("main", fragment(told, frame), id="board"),
        dialog(),
        element("p", "", id="said", class_="hidden", aria_live="polite"),
        data_live=live,
        data_csrf_header=csrf_header,
        data_csrf_token=csrf_token,
    )
    return "<!doctype html>\n" + element("html", head, body, lang="en")


_live = (element("span"), element("span", aria_hidden="true"))
"""How fresh the page is: in words, and since when."""


def _way_up(frame: Frame) -> Content:
    if frame.parent is None:
        return None
    name, address = frame.parent
    return element("p", element("a", name, href=address), class_="quiet")


def fragment(told: Payload, frame: Frame = ALONE) -> Markup:
    """Return what changes: everything between header and footer."""
    may_operate = frame.may_operate
    return joined(
        _overview(told, may_operate),
        _section("Circuits", "circuits", _circuits(told, may_operate)),
        _section("Components", "components", _components(told)),
        _section("Features", "features", _features(told, may_operate)),
        _section("Bulkheads", "bulkheads", _bulkheads(told)) if told["bulkheads"] else None,
        _section("Recoveries", "recoveries", _recoveries(told)),
        _section("Experiments", "experiments", experiments(told["experiments"], may_operate))
        if told["experiments"]
        else None,
        _section("Fleet", "fleet", fleet(told["fleet"])) if told["fleet"] else None,
        _section("What happened", "events", _events(told)),
    )


def _section(title: str, key: str, content: Content) -> Markup:
    heading = element("h2", title, id=f"{key}-title")
    return element("section", heading, content, id=key, aria_labelledby=f"{key}-title")


def _overview(told: Payload, may_operate: bool) -> Markup:
    health, level = told["health"], told["level"]
    refusing = sum(each["state"] in ("open", "forced_open") for each in told["circuits"])
    tiles = (
        ("Level", badge(level["level"]), level["reason"] or "everything on"),
        ("Health", badge(health["status"]), f"{health['score']:.0f} of 100"),
        ("Circuits", str(told["circuits_total"]), f"{refusing} open"),
        ("Worker", element("code", told["worker"]), joined("since ", moment(told["since"]))),
    )
    shown = [
        element(
            "div",
            element("h3", title),
            element("p", value, class_="big"),
            element("p", small, class_="quiet"),
            class_="tile",
        )
        for title, value, small in tiles
    ]
    return element(
        "section",
        element("h2", "Overview", class_="hidden"),
        element("div", shown, class_="tiles"),
        _level(level, may_operate),
        id="overview",
    )


def _level(level: Payload, may_operate: bool) -> Markup:
    who = f"by {level['actor']}" if level["actor"] else level["trigger"] or ""
    until = joined(" until ", moment(level["ends"])) if level["ends"] else None
    note = element("p", "Level set ", who, until, class_="quiet") if who else None
    buttons = element("div", _level_buttons(level), class_="actions") if may_operate else None
    return element("div", buttons, note, class_="level")


def _level_buttons(level: Payload) -> list[Content]:
    others = [each for each in LEVELS if each != level["level"]]
    buttons: list[Content] = [
        element(
            "button",
            f"Go to {each}",
            type="button",
            data_action="level.degrade",
            data_level=each,
            data_takes="for",
        )
        for each in others
    ]
    if level["level"] != "normal" or level["ends"]:
        buttons.append(button("Recover", "level.recover"))
    return buttons


def _with_orders(
    caption: str, heads: Sequence[str], rows: Sequence[Sequence[Content]], may_operate: bool
) -> Markup:
    """Return a table whose last column is only for those who may order something."""
    if may_operate:
        return table(caption, heads, rows)
    return table(caption, heads[:-1], [row[:-1] for row in rows])


def _circuits(told: Payload, may_operate: bool) -> Content:
    circuits = told["circuits"]
    if not circuits:
        return element("p", "No circuit yet: decorate a call with @circuit.", class_="quiet")
    heads = ("Circuit", "State", "Last minute", "Failures", "Next trial", "Last error", "Orders")
    rows = [_circuit(each) for each in circuits]
    rest = told["circuits_total"] - len(circuits)
    more = element("p", f"and {rest} more, all better than these", class_="quiet")
    shown = _with_orders("Circuits, worst first", heads, rows, may_operate)
    return joined(shown, more if rest > 0 else None)


def _circuit(circuit: Payload) -> tuple[Content, ...]:
    name, order = circuit["name"], circuit["forced"]
    shown: list[Content] = [badge(circuit["state"])]
    if circuit["shadow"]:
        shown.append(element("span", "shadow", class_="badge idle"))
    if order:
        who = f"{order['actor'] or 'somebody'}: {order['reason'] or 'no reason given'}"
        shown.append(element("small", f"{who} ({duration(order['ends_in'])} left)"))
    rate = circuit["failure_rate"]  # None: too few calls for one
    failed = circuit["failures"] if rate is None else percent(rate)
    calls = f"{failed} of {circuit['calls']}" if circuit["calls"] else NONE
    more = [
        element("small", f"{circuit[name]} {said}")
        for name, said in (("slow_calls", "slow"), ("rejected", "rejected"))
        if circuit[name]
    ]
    trial = duration(circuit["retry_after"]) if circuit["retry_after"] else NONE
    return (
        element("code", name),
        shown,
        sparkline(circuit["seconds"]),
        joined(calls, more),
        trial,
        circuit["last_error"] or NONE,
        element("div", _circuit_buttons(name, order), class_="actions"),
    )


def _circuit_buttons(name: str, order: Payload | None) -> list[Content]:
    if order:
        return [button("Release", "circuit.release", name=name)]
    return [
        button("Force open", "circuit.force_open", name=name, takes="for"),
        button("Force closed", "circuit.force_closed", name=name, takes="for"),
        button("Reset", "circuit.reset", name=name),
    ]


def _components(told: Payload) -> Content:
    if not told["components"]:
        return element("p", "No check yet: register one with health.check.", class_="quiet")
    heads = ("Component", "Status", "Score", "Trend", "Latency", "Criticality", "Since")
    rows = [
        (
            element("code", each["name"]),
            joined(badge(each["status"]), " flapping" if each["flapping"] else None),
            NONE if each["score"] is None else f"{each['score']:.0f}",
            each["trend"] or NONE,
            duration(each["latency"]),
            each["criticality"],
            moment(each["since"]),
        )
        for each in told["components"]
    ]
    return table("Health by component", heads, rows)


def _features(told: Payload, may_operate: bool) -> Content:
    if not told["features"]:
        return element("p", "No feature yet: decorate one with @feature.", class_="quiet")
    heads = ("Feature", "State", "Capability", "Rollout", "Why", "Orders")
    rows = [
        (
            element("code", each["name"]),
            badge(_word(each)),
            f"{each['capability']:.0f} %",
            f"{each['rollout']:.0f} %",
            each["reason"] or each["cause"] or NONE,
            element("div", _feature_buttons(each), class_="actions"),
        )
        for each in told["features"]
    ]
    return _with_orders("Features", heads, rows, may_operate)


def _word(feature: Payload) -> str:
    if not feature["enabled"]:
        return "off"
    return "on" if feature["capability"] >= 100 and feature["rollout"] >= 100 else "partly"


def _feature_buttons(feature: Payload) -> list[Content]:
    name = feature["name"]
    buttons: list[Content] = [
        button("Disable", "feature.disable", name=name, takes="for")
        if feature["enabled"]
        else button("Enable", "feature.enable", name=name, takes="for"),
        button("Rollout", "feature.rollout", name=name, takes="percent for"),
    ]
    if feature["orders"]:
        buttons.append(button("Release", "feature.release", name=name))
    else:
        buttons.append(button("Kill", "feature.kill", name=name))
    return buttons


def _bulkheads(told: Payload) -> Content:
    heads = ("Bulkhead", "In use", "Waiting", "Rejected")
    rows = [
        (
            element("code", each["name"]),
            f"{each['in_use']} of {each['limit']}",
            each["waiting"],
            each["rejected"],
        )
        for each in told["bulkheads"]
    ]
    return table("Bulkheads", heads, rows)


def _recoveries(told: Payload) -> Content:
    if not told["recoveries"]:
        return element("p", "Nothing had to be recovered.", class_="quiet")
    heads = ("Component", "When", "Result", "By", "Took", "Steps")
    rows = [
        (
            element("code", each["component"]),
            moment(each["at"]),
            each["result"],
            each["strategy"] or NONE,
            duration(each["elapsed"]),
            ", ".join(each["steps"]) or NONE,
        )
        for each in told["recoveries"]
    ]
    return table("Recoveries, newest first", heads, rows)


def _events(told: Payload) -> Content:
    if not told["events"]:
        return element("p", "Nothing yet.", class_="quiet")
    items = [
        element(
            "li",
            moment(each["at"]),
            " ",
            element("strong", each["type"].replace("_", " ")),
            " ",
            element("code", each["component"]),
            " ",
            element("span", _details(each["data"]), class_="quiet"),
        )
        for each in told["events"][:MOST]
    ]
    return element("ol", items, class_="timeline")


_TOLD = (
    "action", "state", "status", "level", "enabled", "capability", "cause", "category", "severity",
    "strategy", "failures", "calls", "reason", "error", "output", "actor", "for_", "for",
)  # fmt: skip
"""What of an event is shown, in this order; programs get all of it."""


def _details(data: Payload) -> str:
    shown = [
        f"{name.rstrip('_').replace('_', ' ')}: {_short(data[name])}"
        for name in _TOLD
        if data.get(name) not in (None, "", [], {})
    ]
    return " · ".join(shown)


def _short(value: Any) -> str:
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 120 else text[:119] + "…"
