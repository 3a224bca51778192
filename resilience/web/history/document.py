"""A report after an incident as one HTML file, which needs nothing from elsewhere."""

from __future__ import annotations

from resilience.history.incidents import Incident
from resilience.history.reading import Read
from resilience.history.report import headline
from resilience.web.admin.markup import Markup, element
from resilience.web.history.pieces import LEGEND, incident_section

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem;
  color-scheme: light dark; }
h1, h2 { line-height: 1.2; } h2 a { color: inherit; text-decoration: none; }
svg.chart { width: 100%; height: auto; overflow: visible; } rect.open { fill-opacity: .5; }
ol.timeline { list-style: none; padding: 0; } ol.timeline time { font-variant-numeric: tabular-nums;
  margin-right: .5rem; opacity: .7; }
.legend { opacity: .7; font-size: 14px; }
@media (max-width: 46rem) { svg.chart { padding-left: 1rem; } svg.chart text { font-size: 22px; } }
"""


def document(since: float, until: float, found: list[Incident], read: Read) -> str:
    """Return a report as a page.

    Args:
        since: wall-clock seconds.
        until: the same.
        found: the incidents in between.
        read: reads the journal, for the charts.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", "Incident report"),
        element("style", Markup(_STYLE)),
    )
    main = element(
        "main",
        element("h1", "Incident report"),
        element("p", headline(since, until, found)),
        element("p", LEGEND, class_="legend") if found else None,
        [incident_section(each, read, until) for each in found],
    )
    return "<!doctype html>\n" + element("html", head, element("body", main), lang="en") + "\n"
