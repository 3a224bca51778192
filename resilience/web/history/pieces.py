"""An incident as HTML: its summary, charts and timeline."""

from __future__ import annotations

from collections.abc import Sequence

from resilience.history.incidents import Incident
from resilience.history.reading import Read, calls_of
from resilience.history.report import seen_by, summary, title
from resilience.history.series import columns
from resilience.history.words import clock_time
from resilience.web.admin.markup import Markup, element, joined
from resilience.web.history.chart import Span, chart

MARGIN = 60.0
"""Seconds that charts show before and after an incident."""
MOST_CHARTS = 10
LEGEND = "Green: calls that went well. Red: failed. Grey: refused. Shaded: calls were stopped."


def incident_section(incident: Incident, read: Read, until: float) -> Markup:
    """Return an incident: what there is to say, a chart for each component, its timeline.

    Args:
        incident: the incident.
        read: reads the journal.
        until: wall-clock seconds at which one that goes on is cut off.
    """
    return element(
        "section",
        element("h2", element("a", title(incident), href=f"#{incident.id}")),
        element("p", " ".join(summary(incident))),
        [_chart_of(name, incident, read, until) for name in incident.components[:MOST_CHARTS]],
        timeline(incident),
        id=incident.id,
    )


def timeline(incident: Incident) -> Markup:
    """Return what happened, line by line."""
    items = [
        element("li", element("time", clock_time(each.at)), " ", each.said, seen_by(each.workers),
                class_=each.type)
        for each in incident.moments
    ]  # fmt: skip
    return element("ol", items, class_="timeline")


def component_chart(
    name: str, read: Read, since: float, until: float, spans: Sequence[Span] = ()
) -> Markup | None:
    """Return a component's calls over a stretch of time; None: there were none."""
    rows = calls_of(read, since, until, name)
    return chart(name, columns(rows, since, until), spans) if rows else None


def open_spans(incident: Incident, name: str, until: float) -> list[Span]:
    """Return when calls to a component were refused."""
    found: list[Span] = []
    begin: float | None = None
    for each in incident.moments:
        if each.component != name:
            continue
        if each.type == "circuit_opened" and begin is None:
            begin = each.at
        elif each.type == "circuit_closed" and begin is not None:
            found.append((begin, each.at))
            begin = None
    return found if begin is None else [*found, (begin, until)]


def _chart_of(name: str, incident: Incident, read: Read, until: float) -> Markup | None:
    end = min(until, (incident.ended_at or until) + MARGIN)
    begin = incident.started_at - MARGIN
    drawn = component_chart(name, read, begin, end, open_spans(incident, name, end))
    return None if drawn is None else joined(element("h3", name), drawn)
