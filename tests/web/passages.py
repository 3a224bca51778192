"""Passages of requests that no framework has made."""

from collections.abc import Mapping
from typing import Any

from resilience import System
from resilience.settings import WebSettings
from resilience.web.passage import Passage, Site


class PlainPassage(Passage):
    """A request that is nothing but what it is made of.

    Args:
        system: the app's.
        headers: the request's, names in lower case.
        route: the template of its route.
        settings: the app's `web` settings.
    """

    def __init__(
        self,
        system: System,
        headers: Mapping[str, str] | None = None,
        *,
        route: str = "",
        **settings: Any,
    ) -> None:
        self._headers = headers or {}
        self._found = route
        super().__init__(Site(system, WebSettings(**settings)), None)

    @property
    def all_headers(self) -> Mapping[str, str]:
        """Its headers."""
        return self._headers

    def find_route(self) -> str:
        """Return its route."""
        return self._found
