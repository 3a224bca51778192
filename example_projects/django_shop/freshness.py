"""How fresh each part of an answer is, for people to see.

`X-Degraded` tells programs the same; a page wants it while it is being made.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest, HttpResponse

from resilience import Event, signals

FRESH, STALE, FALLBACK, OFF = "fresh", "stale", "fallback", "off"

_noted: ContextVar[dict[str, str]] = ContextVar("freshness")


class FreshnessMiddleware:
    """Notes for each request what was stood in for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve a request."""
        token = _noted.set({})
        try:
            return self._get_response(request)
        finally:
            _noted.reset(token)


def of(part: str) -> str:
    """Return how fresh a part of the answer is: fresh, stale, fallback, or off: left out."""
    return _noted.get().get(part, FRESH)


def leave_out(part: str) -> None:
    """Note that a part is left out of the present request's answer."""
    _noted.get().update({part: OFF})


def _note(_: Any, event: Event) -> None:
    noted = _noted.get(None)
    if noted is not None:
        noted[event.component] = STALE if event.data["source"] == "stale" else FALLBACK


signals.fallback_used.connect(_note)  # told within the very call that was answered
