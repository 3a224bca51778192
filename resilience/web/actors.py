"""Who may see more than the public."""

from __future__ import annotations

import logging
from collections.abc import Callable
from inspect import iscoroutine
from typing import TypeVar

from resilience.core.classify import is_client_error

log = logging.getLogger("resilience")

Request = TypeVar("Request")


def actor_of(authorize: Callable[[Request], object] | None, request: Request) -> object | None:
    """Return who sends the request, if `authorize` knows them; else None.

    Nobody is let in by mistake: no `authorize`, one that fails, an answer that is false, an
    anonymous user object (`is_authenticated` false) and a coroutine that nobody awaits are None.
    """
    if authorize is None:
        return None
    try:
        actor = authorize(request)
        return actor if _is_somebody(actor) else None
    except Exception as error:
        if not is_client_error(error):  # abort(401) is a plain no
            log.exception("authorize failed: the request is answered as anybody's")
        return None


def _is_somebody(actor: object) -> bool:
    if iscoroutine(actor):
        actor.close()
        raise TypeError("authorize returned a coroutine: it has to be `async def` or plain")
    return bool(actor) and bool(getattr(actor, "is_authenticated", True))
