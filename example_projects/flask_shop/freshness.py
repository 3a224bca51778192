"""How fresh each part of an answer is, for people to see.

`X-Degraded` tells programs the same; a page wants it while it is being made.
"""

from typing import Any

from flask import Flask, g, has_request_context

from resilience import Event, signals

FRESH, STALE, FALLBACK = "fresh", "stale", "fallback"


def watch(app: Flask) -> None:
    """Note for each request of the app what was stood in for."""
    # All shops of a process share the one receiver: what it notes belongs to a request anyway.
    signals.fallback_used.connect(_note)
    app.before_request(_begin)


def of(part: str) -> str:
    """Return how fresh the answer of a circuit was in this request: fresh, stale or fallback."""
    noted: dict[str, str] = g.stood_in_for
    return noted.get(part, FRESH)


def _begin() -> None:
    g.stood_in_for = {}


def _note(_: Any, event: Event) -> None:
    # Told within the very call that was answered, in the thread of its request.
    if has_request_context() and "stood_in_for" in g:
        source = event.data["source"]
        g.stood_in_for[event.component] = STALE if source == "stale" else FALLBACK
