"""The endpoints: path and method in, answer out. Frameworks only wire it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

from resilience.core.request import present
from resilience.settings import WebSettings
from resilience.systems import System
from resilience.web import metrics, payloads, reports
from resilience.web.answers import Answer, json_answer
from resilience.web.level import degradation
from resilience.web.negotiate import prefers_html

HEALTH, LIVE, READY = "/health", "/health/live", "/health/ready"
DEGRADATION = "/degradation"
PROBES = (HEALTH, LIVE, READY)
METRICS = "/metrics"
"""Where the settings say so; else it is the app's own."""
NAMES = {"health": HEALTH, "live": LIVE, "ready": READY, "degradation": DEGRADATION}
"""All others, `{name: path}`."""
ADMIN = "/resilience/"
"""Below it are the dashboard and its API."""
METHODS = ("GET", "HEAD")

Actor = Callable[[], object]


def answer(  # noqa: PLR0917 - a request in the order it is written
    system: System,
    settings: WebSettings,
    method: str,
    path: str,
    headers: Mapping[str, str],
    actor: Actor,
) -> Answer | None:
    """Return the answer to a request, from memory; None where the path is none of ours.

    Args:
        system: what is asked about.
        settings: what the app wants served.
        method: the request's method, in upper case.
        path: the request's path below the app's root.
        headers: the request's headers, names in lower case; "accept" is enough.
        actor: tells who asks and may see details, or None; only called where that matters, so
            that a probe never waits for a session or a user to be loaded.
    """
    if path not in named(settings).values():
        return None
    leave_out()
    if method not in METHODS:
        return _not_allowed()
    if path == METRICS:
        return metrics.answer(system, headers.get("accept", ""))
    if path == DEGRADATION:
        told = degradation(system, detailed=actor() is not None)
        return json_answer(200, "application/json", told)
    payload = _health(system, path, actor)
    # A browser offers health+json as a download; people get what it shows.
    kind = "json" if prefers_html(headers.get("accept", "")) else "health+json"
    status = payloads.STATUSES[payload["status"]]
    return json_answer(status, f"application/{kind}", payload, {"Vary": "Accept"})


def is_ours(path: str, settings: WebSettings) -> bool:
    """Tell whether a path below the app's root is one of ours, and none of the app's users'."""
    return settings.endpoints and (path.startswith(ADMIN) or path in named(settings).values())


def named(settings: WebSettings) -> dict[str, str]:
    """Return the endpoints that an app serves, `{name: path}`."""
    if not settings.endpoints:
        return {}
    return {**NAMES, "metrics": METRICS} if settings.metrics else NAMES


def leave_out() -> None:
    """Count the present request, which is for one of ours, as none of the app's."""
    request = present.get()
    if request is not None:
        request.leave_out()


def asks_who(method: str, path: str) -> bool:
    """Tell whether the answer depends on who asks; else nobody need find that out."""
    return path in {HEALTH, DEGRADATION} and method in METHODS


def _health(system: System, path: str, actor: Actor) -> payloads.Payload:
    if path == LIVE:
        return payloads.liveness()
    if path == READY:
        return reports.readiness(system)
    return reports.health(system, detailed=actor() is not None)


def _not_allowed() -> Answer:
    status = HTTPStatus.METHOD_NOT_ALLOWED
    problem = {"type": "about:blank", "title": status.phrase, "status": int(status)}
    allowed = {"Allow": ", ".join(METHODS)}
    return json_answer(int(status), "application/problem+json", problem, allowed)
