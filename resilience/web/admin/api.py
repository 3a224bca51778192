"""The dashboard and its API: a request in, an answer out. Frameworks only wire it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs

from resilience.core.checks import number
from resilience.core.demand import is_made
from resilience.errors import ChaosRefusedError, ConfigurationError, StoreUnavailableError
from resilience.events import Worker
from resilience.systems import System
from resilience.web import endpoints
from resilience.web.actors import name_of
from resilience.web.admin.access import is_meant
from resilience.web.admin.actions import ACTIONS as ORDERS
from resilience.web.admin.actions import (
    NothingToDoError,
    UnknownTargetError,
    perform,
    workers_of,
)
from resilience.web.admin.board import board, event_of
from resilience.web.admin.glance import glance_of
from resilience.web.admin.openapi import document
from resilience.web.admin.page import ALONE, POLICY, Frame, page
from resilience.web.answers import NEVER_KEPT, Answer, json_answer
from resilience.web.history.page import BadQueryError, history_page, history_payload

HOME = endpoints.ADMIN
ROOT = HOME.rstrip("/")
STATE = f"{ROOT}/api/state"
EVENTS = f"{ROOT}/api/events"
STREAM = f"{ROOT}/api/stream"
ACTIONS = f"{ROOT}/api/actions"
HISTORY = f"{ROOT}/history"
INCIDENTS = f"{ROOT}/api/history"
CHECKUP = f"{ROOT}/api/checkup"
OPENAPI = f"{ROOT}/api/openapi.json"
ASSETS = f"{ROOT}/assets/"

SERVER_TIMEOUT = "server_timeout"
"""In the query of a checkup: after how many seconds the server ends a request."""

LARGEST = 10_000
"""Bytes of a request's body; a larger one is refused."""

LARGEST_ID = 10**15

_METHODS = {ACTIONS: ("POST",)}
_READING = ("GET", "HEAD")
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_FILES = ("dashboard.css", "dashboard.js", "icon.svg")

STREAMED, POLLED = "stream", "poll"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the dashboard.

    Args:
        method: in upper case.
        path: below the app's root, decoded.
        query: the query string.
        headers: names in lower case; those in `HEADERS` are read.
        body: the whole body, or its first `LARGEST` + 1 bytes.
        root: the path that the app itself is below; "" for none.
        home: the path below it at which the dashboard is, without a slash at the end.
        live: how the page is kept fresh: `STREAMED`, or `POLLED` where a stream would hold one
            of few threads.
        frame: what the framework adds to the page, and whether `actor` may order anything.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    root: str = ""
    home: str = ROOT
    live: str = POLLED
    frame: Frame = ALONE


HEADERS = ("accept", "content-type", "host", "last-event-id", "origin", "sec-fetch-site")


def is_ours(path: str) -> bool:
    """Tell whether a path belongs to the dashboard."""
    return path == ROOT or path.startswith(HOME)


def waits(path: str) -> bool:
    """Tell whether the answer waits, for the journal or the fleet: so not on an event loop."""
    return path in (HISTORY, INCIDENTS, ACTIONS)


def answer(system: System, request: Request, actor: object | None) -> Answer:
    """Return the answer to a request, from memory, or where `waits` says so from the journal.

    Args:
        system: what is shown and operated.
        request: the request.
        actor: who sends it; None: nobody who is allowed, for whom there is nothing here.
    """
    endpoints.leave_out()
    if actor is None or not _is_there(request.path):
        return problem(404, "Not Found")
    allowed = _METHODS.get(request.path, _READING)
    if request.method not in allowed:
        return problem(405, "Method Not Allowed", headers={"Allow": ", ".join(allowed)})
    if request.path == ACTIONS and not request.frame.may_operate:
        return problem(403, "Forbidden", "You may look, but not order anything.")
    if request.path == ACTIONS:
        return _act(system, request, name_of(actor))
    if request.path.startswith(ASSETS):
        return _file(_asset(request.path))
    read = _history if request.path in (HISTORY, INCIDENTS) else _read
    return read(system, request, name_of(actor))


def _is_there(path: str) -> bool:
    known = (ROOT, HOME, STATE, EVENTS, STREAM, ACTIONS, HISTORY, INCIDENTS, CHECKUP, OPENAPI)
    return path in known or bool(_asset(path))


def _read(system: System, request: Request, actor: str) -> Answer:
    if request.path == ROOT:
        return _moved(f"{request.root}{HOME}")
    if request.path == HOME:
        return _page(system, request, actor)
    told = _TOLD.get(request.path)
    if told is not None:
        return _plain(told, system, request)
    if request.path == STREAM:  # a framework that can stream does not ask here
        return problem(404, "Not Found", "This server does not push: poll api/events.")
    return _events(system, request)


def _checkup(system: System, request: Request) -> dict[str, Any]:
    from resilience.web.checkup import checkup, plain  # rooms that an app may not use otherwise

    return plain(checkup(system, server_timeout=_server_timeout(request)))


def _server_timeout(request: Request) -> float | None:
    given = parse_qs(request.query, keep_blank_values=True).get(SERVER_TIMEOUT)
    if given is None:
        return None
    try:
        return number(SERVER_TIMEOUT, float(given[0]), above=0.0)
    except ValueError:
        raise ConfigurationError(f"{SERVER_TIMEOUT}={given[0]!r}: give seconds, above 0") from None


_TOLD: Mapping[str, Callable[[System, Request], dict[str, Any]]] = {
    STATE: lambda system, _: board(system),
    CHECKUP: _checkup,
    OPENAPI: lambda _, request: document(request.root + request.home),
}
"""What programs read, `{path: what makes it}`."""


def _plain(
    told: Callable[[System, Request], dict[str, Any]], system: System, request: Request
) -> Answer:
    try:
        return json_answer(200, "application/json", told(system, request))
    except ConfigurationError as error:
        return problem(400, "Bad Request", str(error))


def problem(
    status: int,
    title: str,
    detail: str = "",
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Answer:
    """Return an answer that says what is wrong (RFC 9457)."""
    said: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    said.update(more or {})
    if detail:
        said["detail"] = detail
    return json_answer(status, "application/problem+json", said, headers)


def shows_board(request: Request) -> bool:
    """Tell whether what is asked for is not the page, or not events, but the board alone."""
    return parse_qs(request.query).get("part") == ["board"]


def _page(system: System, request: Request, actor: str) -> Answer:
    if not shows_board(request):
        return _html(page(board(system), actor, request.live, request.frame), {})
    glance = glance_of(system)
    shown = glance.board(system, may_operate=request.frame.may_operate)
    return _html(shown.html, {"X-Resilience-Wait": f"{glance.wait():.1f}"})


def _html(text: str, more: Mapping[str, str]) -> Answer:
    headers = {**NEVER_KEPT, "Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
    body = text.encode("utf-8", "replace")
    return Answer(200, "text/html; charset=utf-8", body, {**headers, **more})


def _history(system: System, request: Request, actor: str) -> Answer:
    try:
        if request.path == HISTORY:
            return _html(history_page(system, request.query, actor), {})
        told = history_payload(system, request.query)
    except BadQueryError as error:
        return problem(400, "Bad Request", str(error))
    return json_answer(200, "application/json", told)


def _events(system: System, request: Request) -> Answer:
    after = after_of(request)
    if after is None:
        return problem(400, "Bad Request", "after: give the id of an event, a whole number")
    found = [event_of(*each) for each in system.recent.since(after)]
    payload = {"last": system.recent.last, "events": found}
    return json_answer(200, "application/json", payload)


def after_of(request: Request) -> int | None:
    """Return the id of the last event a client has seen; None: it gave none that can be."""
    given = parse_qs(request.query, keep_blank_values=True).get("after")
    text = given[0] if given else request.headers.get("last-event-id", "0")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else LARGEST_ID + 1
    return number if number <= LARGEST_ID else None


def _act(system: System, request: Request, actor: str) -> Answer:
    if not is_meant(request.method, request.headers):
        return problem(403, "Forbidden", "This was not sent from the dashboard's own page.")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return problem(415, "Unsupported Media Type", "Send application/json.")
    if len(request.body) > LARGEST:
        return problem(413, "Content Too Large", f"Send {LARGEST} bytes at most.")
    try:
        order = json.loads(request.body)
    except (ValueError, RecursionError):
        return problem(400, "Bad Request", "The body is no JSON.")
    if not isinstance(order, dict):
        return problem(400, "Bad Request", "Send a JSON object.")
    done = _done(system, order, actor)
    glance_of(system).forget()
    return done


def _done(system: System, order: dict[str, Any], actor: str) -> Answer:
    try:
        done = {**perform(system, order, actor), **_reached(system, order)}
    except ConfigurationError as error:
        return problem(400, "Bad Request", str(error))
    except UnknownTargetError as error:
        return problem(404, "Not Found", str(error), more={"workers": workers_of(system)})
    except (ChaosRefusedError, NothingToDoError) as error:
        return problem(409, "Conflict", str(error))
    except StoreUnavailableError as error:
        return problem(503, "Service Unavailable", f"It is done, but {error}")
    return json_answer(200, "application/json", done)


def _reached(system: System, order: Mapping[str, Any]) -> dict[str, Any]:
    """Return which worker took an order, and who has confirmed it; or of how many it is one.

    Raises:
        StoreUnavailableError: it was done in this worker alone.
    """
    worker = Worker.name()
    is_shared = is_made(system, "fleet") and system.fleet.snapshot().address is not None
    if is_shared and not ORDERS[order["action"]].alone:
        return {"worker": worker, "confirmed": asdict(system.fleet.confirm())}
    return {"worker": worker, "workers": workers_of(system)}


def _moved(to: str) -> Answer:
    return Answer(308, "text/plain; charset=utf-8", b"", {**NEVER_KEPT, "Location": to})


def _asset(path: str) -> str:
    name = path.removeprefix(ASSETS)
    return name if path.startswith(ASSETS) and name in _FILES else ""


@cache
def _file(name: str) -> Answer:
    body = files("resilience.web").joinpath("dashboard", name).read_bytes()
    kind = _TYPES[name.rpartition(".")[2]]
    return Answer(200, f"{kind}; charset=utf-8", body, NEVER_KEPT)
