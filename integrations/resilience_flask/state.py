"""What belongs to one app, and how answers become Flask's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Request, Response, request

from resilience import System
from resilience.settings import WebSettings
from resilience.web.actors import actor_of
from resilience.web.answers import Answer

NAME = "resilience"
"""The name of the blueprint, and of the app's state among its extensions."""


@dataclass(slots=True)
class State:
    """What an app was set up with.

    Args:
        system: whose circuits it reports.
        web: the app's own web settings.
        authorize: tells who may see details; None: nobody may.
        met: True once the first request has come.
    """

    system: System
    web: WebSettings
    authorize: Callable[[Request], Any] | None
    met: bool = False

    def actor(self) -> object | None:
        """Return who sends the present request, or None."""
        return actor_of(self.authorize, request)


def response_of(answer: Answer) -> Response:
    """Return an answer as a Flask response."""
    return Response(
        answer.body, answer.status, dict(answer.headers), content_type=answer.content_type
    )
