"""What the dashboard asks before anything is done: why, for how long, and what an experiment is."""

from __future__ import annotations

from typing import Any

from resilience.chaos.settings import FAULTS
from resilience.web.admin.markup import Markup, element

PLAN = "plan"
"""The fields of an experiment, which are shown together."""


def plan_fields() -> list[Markup]:
    """Return the fields that describe an experiment; docs/chaos.md says what they mean."""
    faults = [element("option", each.replace("_", " "), value=each) for each in FAULTS]
    return [
        _field("Experiment", "plan-name", required=True, maxlength=200),
        element("label", "Fault", element("select", faults, name="plan-fault"), data_field=PLAN),
        _field("Seconds, of a latency or a clock skew", "plan-seconds", type="number",
               min=0, step="any", value=2),
        _field("Target: a circuit, component, feature, /route, or calls:/route", "plan-target",
               required=True, maxlength=200),
        _field("Lasts, in seconds", "plan-duration", type="number", min=1, step="any", value=60),
        _field("Share of the calls, in percent", "plan-share", type="number", min=1, max=100,
               value=100),
        _field("What has to hold, such as error_rate <= 0.05", "plan-steady", maxlength=200),
    ]  # fmt: skip


def _field(label: str, name: str, **attributes: Any) -> Markup:
    given = element("input", name=name, autocomplete="off", **attributes)
    return element("label", label, given, data_field=PLAN)


def dialog() -> Markup:
    """Return the dialog that asks for a reason before anything is done."""
    minutes = (("10 minutes", 600), ("1 hour", 3600), ("8 hours", 28_800), ("1 day", 86_400))
    options = [
        element("option", label, value=seconds, selected=seconds == 3600)
        for label, seconds in minutes
    ]
    form = element(
        "form",
        element("h2", "", id="ask-title"),
        element("p", "", id="ask-about", class_="quiet"),
        element(
            "label",
            "Reason",
            element("input", name="reason", required=True, maxlength=200, autocomplete="off"),
        ),
        element("label", "For", element("select", options, name="for"), data_field="for"),
        element(
            "label",
            "Percent",
            element("input", name="percent", type="number", min=0, max=100, value=50),
            data_field="percent",
        ),
        *plan_fields(),
        element("p", "", id="ask-error", role="alert"),
        element(
            "div",
            element("button", "Cancel", type="button", value="cancel"),
            element("button", "Do it", type="submit", class_="primary"),
            class_="actions",
        ),
        method="dialog",
    )
    return element("dialog", form, id="ask", aria_labelledby="ask-title")
