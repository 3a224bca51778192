"""Who may see more than the public."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
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
        return _somebody(authorize(request))
    except Exception as error:
        _tell(error)
        return None


async def awaited_actor_of(
    authorize: Callable[[Request], Awaitable[object]] | None, request: Request
) -> object | None:
    """Return who sends the request, as `actor_of` does, if an async `authorize` knows them."""
    if authorize is None:
        return None
    try:
        return _somebody(await authorize(request))
    except Exception as error:
        _tell(error)
        return None


def _somebody(actor: object) -> object | None:
    if iscoroutine(actor):
        actor.close()
        raise TypeError("authorize returned a coroutine: it has to be `async def` or plain")
    return actor if actor and getattr(actor, "is_authenticated", True) else None


def _tell(error: Exception) -> None:
    if not is_client_error(error):  # abort(401) is a plain no
        log.error("authorize failed: the request is answered as anybody's", exc_info=error)
