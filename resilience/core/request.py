"""The request that is being served, for those few who have to know: experiments on some requests.

Nobody keeps it while no experiment asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Protocol


class Request(Protocol):
    """A request on its way through an app."""

    @property
    def all_headers(self) -> Mapping[str, str]:
        """Its headers, `{name in lower case: value}`."""
        ...

    @property
    def route(self) -> str:
        """The template of its route; "" as long as it is not known."""
        ...


present: ContextVar[Request | None] = ContextVar("resilience_request", default=None)
"""The request that the running code serves; None: none, or nobody asks."""
