"""The request that is being served, as far as those inside have to know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resilience.core.deadline import Deadline


class Request:
    """A request on its way through an app; one that says nothing of itself.

    Attributes:
        marks: what was stood in for by now, `{component: how}`; None: nothing was. How is "stale"
            or "fallback" for an answer of something else, "off" or "limited" for a feature that is
            stepped down.
    """

    marks: dict[str, str] | None = None
    _drawn: float | None = None

    @property
    def all_headers(self) -> Mapping[str, str]:
        """Its headers, `{name in lower case: value}`."""
        return {}

    @property
    def route(self) -> str:
        """The template of its route; "" as long as it is not known, and where there is none."""
        return ""

    @property
    def deadline(self) -> Deadline | None:
        """The moment by which it has to be answered; None: as late as it likes."""
        return None

    def leave_out(self) -> None:
        """Hear that it is for an endpoint of ours, and none of the app's."""

    def mark(self, component: str, how: str) -> None:
        """Note that `component` was stood in for; any thread may."""
        # At once, as two threads may be the first; a lock would have to be renewed after a fork.
        marks: dict[str, str] = self.__dict__.setdefault("marks", {})
        marks[component] = how

    def chance(self, draw: Callable[[], float]) -> float:
        """Return what `draw()` gave when the request first asked, so that it stays by it."""
        if self._drawn is None:
            self._drawn = draw()
        return self._drawn


present: ContextVar[Request | None] = ContextVar("resilience_request", default=None)
"""The request that the running code serves; also that of the tasks and threads it starts."""
