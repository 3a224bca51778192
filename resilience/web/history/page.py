"""The dashboard's history: incidents, filtered by time and component, with links that last."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

from resilience.errors import ConfigurationError
from resilience.history.incidents import Incident
from resilience.history.reading import Read, incidents_of
from resilience.history.report import headline, payload
from resilience.storage.base import LONGEST_NAME
from resilience.systems import System
from resilience.web.admin.markup import Markup, element, joined
from resilience.web.history.pieces import LEGEND, component_chart, incident_section, open_spans

log = logging.getLogger("resilience")

SPANS = {"1h": 3600.0, "6h": 21_600.0, "1d": 86_400.0, "7d": 604_800.0, "30d": 2_592_000.0}
DEFAULT = "1d"
MOST_INCIDENTS = 50
MOST_COMPONENTS = 50
LATEST = 1e11
"""Wall-clock seconds, about the year 5138: later ones are mistakes, such as milliseconds."""

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Asked:
    """What of history somebody wants to see.

    Args:
        since: wall-clock seconds.
        until: the same.
        component: only this one; "": all.
        span: the key of `SPANS` that was asked for; "": two moments were.
    """

    since: float
    until: float
    component: str
    span: str


class BadQueryError(ValueError):
    """A query that makes no sense; says what is allowed."""


def asked_of(query: str, now: float) -> Asked:
    """Return what a query string asks for.

    Raises:
        BadQueryError: it makes no sense.
    """
    given = _given(query)
    component, span = given.get("component", ""), given.get("span", DEFAULT)
    if len(component) > LONGEST_NAME:
        raise BadQueryError(f"component: give at most {LONGEST_NAME} characters")
    if span not in SPANS:
        raise BadQueryError(f"span: give one of {', '.join(SPANS)}")
    if "from" in given or "to" in given:
        ends = sorted((_moment(given, "from", now), _moment(given, "to", now)))
        return Asked(ends[0], ends[1], component, "")
    return Asked(now - SPANS[span], now, component, span)


def _given(query: str) -> dict[str, str]:
    found = parse_qs(query, keep_blank_values=True)
    for name, values in found.items():
        if len(values) > 1:
            raise BadQueryError(f"{name[:LONGEST_NAME]}: give it once")
    return {name: values[0] for name, values in found.items()}


def _moment(given: dict[str, str], name: str, default: float) -> float:
    text = given.get(name)
    if text is None:
        return default
    found = float(text) if _NUMBER.fullmatch(text) else -1.0
    if not 0 <= found < LATEST:
        raise BadQueryError(f"{name}: give seconds since 1970-01-01 UTC")
    return found


def history_payload(system: System, query: str) -> dict[str, Any]:
    """Return the incidents that a query asks for, for programs; waits for the database.

    Raises:
        BadQueryError: the query makes no sense.
    """
    asked = asked_of(query, system.runtime.clock.time())
    is_on = system.journal.status().enabled
    found = _found(system.journal.read, asked) if is_on else []
    return {"journal": is_on, **payload(asked.since, asked.until, found)}


def history_page(system: System, query: str, actor: str) -> str:
    """Return the page that a query asks for; waits for the database.

    Raises:
        BadQueryError: the query makes no sense.
    """
    asked = asked_of(query, system.runtime.clock.time())
    try:
        content = _content(system, asked)
    except ConfigurationError as error:
        content = element("p", str(error), class_="quiet")
    except Exception:
        log.exception("the journal cannot be read")
        content = element("p", "The journal cannot be read now; the log says why.", role="alert")
    return _document(joined(_filters(asked), content), actor)


def _content(system: System, asked: Asked) -> Markup:
    read = system.journal.read
    found = _found(read, asked)[-MOST_INCIDENTS:]
    shown = [_with_permalink(each, asked, read) for each in reversed(found)]
    names = _names(system, found)
    return joined(
        _links_to_components(names, asked),
        element("p", headline(asked.since, asked.until, found)),
        element("p", LEGEND, class_="quiet") if found or asked.component else None,
        _chart(asked, found, read) if asked.component else None,
        shown,
    )


def _found(read: Read, asked: Asked) -> list[Incident]:
    return incidents_of(read, asked.since, asked.until, asked.component or None)


def _names(system: System, found: list[Incident]) -> list[str]:
    names = [name for incident in found for name in incident.components]
    names += [circuit.name for circuit in system.circuits]
    return list(dict.fromkeys(names))[:MOST_COMPONENTS]


def _chart(asked: Asked, found: Sequence[Incident], read: Read) -> Markup:
    name = asked.component
    spans = [span for each in found for span in open_spans(each, name, asked.until)]
    drawn = component_chart(name, read, asked.since, asked.until, spans)
    return drawn or element("p", f"No calls of {name} were counted.", class_="quiet")


def _with_permalink(incident: Incident, asked: Asked, read: Read) -> Markup:
    end = asked.until if incident.ended_at is None else incident.ended_at
    lasting = {"from": int(incident.started_at) - 60, "to": int(end) + 60}
    link = f"history?{urlencode(lasting)}#{incident.id}"
    return joined(
        incident_section(incident, read, asked.until),
        element("p", element("a", "Permalink to this incident", href=link), class_="quiet"),
    )


def _filters(asked: Asked) -> Markup:
    links = [
        _link(name, {"span": name, "component": asked.component}, current=asked.span == name)
        for name in SPANS
    ]
    return _choice("Time", links)


def _links_to_components(names: list[str], asked: Asked) -> Markup:
    when: dict[str, Any] = {"from": asked.since, "to": asked.until}
    if asked.span:
        when = {"span": asked.span}
    links = [_link("all", when, current=not asked.component)]
    links += [
        _link(name, {**when, "component": name}, current=asked.component == name) for name in names
    ]
    return _choice("Component", links)


def _choice(label: str, links: list[Markup]) -> Markup:
    said = element("span", label, aria_hidden="true")
    return element("nav", said, [joined(each, " ") for each in links], aria_label=label)


def _link(label: str, query: dict[str, Any], *, current: bool) -> Markup:
    href = f"history?{urlencode({name: value for name, value in query.items() if value})}"
    return element("a", label, href=href, aria_current="page" if current else None)


def _document(content: Markup, actor: str) -> str:
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", "Resilience: history"),
        element("link", rel="icon", href="assets/icon.svg"),
        element("link", rel="stylesheet", href="assets/dashboard.css"),
    )
    header = element(
        "header",
        element("h1", "History"),
        element("p", element("a", "Dashboard", href="./")),
        element("p", f"signed in as {actor}", class_="quiet"),
    )
    body = element("body", header, element("main", content))
    return "<!doctype html>\n" + element("html", head, body, lang="en")
