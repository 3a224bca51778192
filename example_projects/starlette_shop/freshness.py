"""How fresh each part of an answer is, for people to see.

`X-Degraded` tells programs the same; a page wants it while it is being made.
"""

from contextvars import ContextVar
from typing import Annotated, Any

from fastapi import Depends

from resilience import Event, signals

FRESH, STALE, FALLBACK, OFF = "fresh", "stale", "fallback", "off"


class Freshness:
    """What was stood in for in one request."""

    def __init__(self) -> None:
        self._stood_in_for: dict[str, str] = {}

    def of(self, part: str) -> str:
        """Return how fresh a part of the answer is: fresh, stale, fallback, or off: left out."""
        return self._stood_in_for.get(part, FRESH)

    def note(self, event: Event) -> None:
        """Hear that something was stood in for."""
        stale = event.data["source"] == "stale"
        self._stood_in_for[event.component] = STALE if stale else FALLBACK

    def leave_out(self, part: str) -> None:
        """Note that a part is left out."""
        self._stood_in_for[part] = OFF


_current: ContextVar[Freshness] = ContextVar("freshness")


async def _begin() -> Freshness:
    # An async dependency runs in the endpoint's own context, which calls made side by side inherit.
    freshness = Freshness()
    _current.set(freshness)
    return freshness


def _note(_: Any, event: Event) -> None:
    if (freshness := _current.get(None)) is not None:
        freshness.note(event)


def leave_out(part: str) -> None:
    """Note that a part is left out of the present request's answer."""
    if (freshness := _current.get(None)) is not None:
        freshness.leave_out(part)


signals.fallback_used.connect(_note)  # told within the very call that was answered

Fresh = Annotated[Freshness, Depends(_begin)]
"""The request's freshness, as in `async def shelf(freshness: Fresh)`."""
