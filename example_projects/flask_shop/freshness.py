"""How fresh each part of an answer is, for people to see.

`X-Degraded` tells programs the same; a page wants it while it is being made.
"""

from typing import Any

from flask import Flask, g, has_request_context

from resilience import Event, signals

FRESH, STALE, FALLBACK, OFF = "fresh", "stale", "fallback", "off"


def watch(app: Flask) -> None:
    """Note for each request of the app what was stood in for."""
    # All shops of a process share the one receiver: what it notes belongs to a request anyway.
    signals.fallback_used.connect(_note)
    app.before_request(_begin)


def of(part: str) -> str:
    """Return how fresh a part of the answer is: fresh, stale, fallback, or off: left out."""
    noted: dict[str, str] = g.stood_in_for
    return noted.get(part, FRESH)


def leave_out(part: str) -> None:
    """Note that a part is left out of the present request's answer."""
    g.stood_in_for[part] = OFF


def _begin() -> None:
    g.stood_in_for = {}


def _note(_: Any, event: Event) -> None:
    # Told within the very call that was answered, in the thread of its request.
    if has_request_context() and "stood_in_for" in g:
        source = event.data["source"]
        g.stood_in_for[event.component] = STALE if source == "stale" else FALLBACK
