"""Who may see more than the public."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest
from inspect import isawaitable, iscoroutine, isgenerator, signature
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
        ConfigurationError: a token is too short, cannot be sent in a header, or is another
            actor's, or none is given.
    """
    known = [
        (text("actor", actor), _token(actor, token))
        for actor, token in mapping("tokens", tokens).items()
    ]
    if not known:
        raise ConfigurationError("tokens={}: give at least one, as {actor: token}")
    if len({token for _, token in known}) < len(known):
        raise ConfigurationError("two actors have the same token: nobody could tell them apart")

    def authorize(request: Any) -> str | None:
        scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
        found = None
        for actor, token in known:  # all of them, whichever fits
            if compare_digest(sent.strip().encode(), token.encode()):
                found = actor
        return found if scheme.lower() == "bearer" else None

    return authorize


def _token(actor: str, token: object) -> str:
    if not isinstance(token, str):
        raise ConfigurationError(f"the token of {actor!r} is {type(token).__name__}: give a text")
    if len(token) < SHORTEST_TOKEN:
        raise ConfigurationError(
            f"the token of {actor!r} has {len(token)} characters: give {SHORTEST_TOKEN} or more"
        )
    if not (token.isascii() and token.isprintable() and token == token.strip()):
        raise ConfigurationError(
            f"the token of {actor!r} cannot be sent in a header: give ASCII that can be printed, "
            "without spaces around it"
        )
    return token


def checked(authorize: Any) -> Any:
    """Return `authorize` if it can be asked: a function of one thing, the request.

    Raises:
        ConfigurationError: it is none.
    """
    said = f"authorize={authorize!r}: give a function of the request that returns who asks, or None"
    if not callable(authorize):
        raise ConfigurationError(said)
    try:
        takes = signature(authorize)
    except (TypeError, ValueError):  # it does not tell
        return authorize
    try:
        takes.bind(object())
    except TypeError:
        raise ConfigurationError(f"{said}; this one takes {takes}") from None
    return authorize


def actor_of(authorize: Callable[[Request], object] | None, request: Request) -> object | None:
    """Return who sends the request, if `authorize` knows them; else None.

    Nobody is let in by mistake: no `authorize`, one that fails, an answer that is false, an
    anonymous user object (`is_authenticated` false), a coroutine that nobody awaits, and a
    response, such as a redirect to the login, are None.
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


def name_of(actor: object) -> str:
    """Return who somebody is, as it is written down: at most 200 characters that can be printed."""
    known: Any = actor
    for attribute in ("get_username", "username", "name"):
        found = getattr(known, attribute, None)
        found = found() if callable(found) else found
        if isinstance(found, str) and found:
            return _printable(found)
    return _printable(str(actor))


def _printable(name: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in name[:200])


def _somebody(actor: object) -> object | None:
    if iscoroutine(actor):
        actor.close()
    if isawaitable(actor) or isgenerator(actor):
        kind = type(actor).__name__
        raise TypeError(f"authorize returned a {kind}: it has to be `async def` or plain")
    if hasattr(actor, "status_code"):
        raise TypeError("authorize returned a response: it has to return None for strangers")
    if not actor or not getattr(actor, "is_authenticated", True):
        return None
    if not name_of(actor).strip():
        raise TypeError("authorize returned somebody without a name: orders are kept with one")
    return actor


def _tell(error: Exception) -> None:
    if not is_client_error(error):  # abort(401) is a plain no
        log.error("authorize failed: the request is answered as anybody's", exc_info=error)
