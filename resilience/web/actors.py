"""Who may see more than the public."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest
from inspect import iscoroutine
from typing import Any, TypeVar

from resilience.core.checks import mapping, text
from resilience.core.classify import is_client_error
from resilience.errors import ConfigurationError

log = logging.getLogger("resilience")

Request = TypeVar("Request")


SHORTEST_TOKEN = 16


def bearer(tokens: Mapping[str, str]) -> Callable[[Any], str | None]:
    """Return an `authorize` for programs: who sends a known bearer token, in any framework.

    Args:
        tokens: `{actor: token}`; tokens have at least 16 characters. They are compared in a time
            that tells nothing of them, and only read from the `Authorization` header.

    Raises:
        ConfigurationError: a token is too short, or none is given.
    """
    known = [
        (text("actor", actor), str(token)) for actor, token in mapping("tokens", tokens).items()
    ]
    if not known:
        raise ConfigurationError("tokens={}: give at least one, as {actor: token}")
    for actor, token in known:
        if len(token) < SHORTEST_TOKEN:
            raise ConfigurationError(
                f"the token of {actor!r} has {len(token)} characters: give {SHORTEST_TOKEN} or more"
            )

    def authorize(request: Any) -> str | None:
        scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
        found = None
        for actor, token in known:  # all of them, whichever fits
            if compare_digest(sent.strip().encode(), token.encode()):
                found = actor
        return found if scheme.lower() == "bearer" else None

    return authorize


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
