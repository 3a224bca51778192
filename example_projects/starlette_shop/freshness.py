"""How fresh each part of an answer is, for people to see.

`X-Degraded` tells programs the same; a page wants it while it is being made.
"""

from contextvars import ContextVar
from typing import Annotated, Any

from fastapi import Depends

from resilience import Event, signals

FRESH, STALE, FALLBACK = "fresh", "stale", "fallback"


class Freshness:
    """What was stood in for in one request."""

    def __init__(self) -> None:
        self._stood_in_for: dict[str, str] = {}

    def of(self, part: str) -> str:
        """Return how fresh the answer of a circuit was: fresh, stale or fallback."""
        return self._stood_in_for.get(part, FRESH)

    def note(self, event: Event) -> None:
        """Hear that something was stood in for."""
        stale = event.data["source"] == "stale"
        self._stood_in_for[event.component] = STALE if stale else FALLBACK


_current: ContextVar[Freshness] = ContextVar("freshness")


async def _begin() -> Freshness:
    # An async dependency runs in the endpoint's own context, which calls made side by side inherit.
    freshness = Freshness()
    _current.set(freshness)
    return freshness


def _note(_: Any, event: Event) -> None:
    if (freshness := _current.get(None)) is not None:
        freshness.note(event)


signals.fallback_used.connect(_note)  # told within the very call that was answered

Fresh = Annotated[Freshness, Depends(_begin)]
"""The request's freshness, as in `async def shelf(freshness: Fresh)`."""
