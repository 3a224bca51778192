"""What an exception means: a failure of the thing called, or something else."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from resilience.core.checks import judging
from resilience.errors import ConfigurationError, DeadlineExceededError, Rejected

log = logging.getLogger("resilience")

Matcher = type[BaseException] | tuple[type[BaseException], ...] | Callable[[BaseException], bool]

_INTERRUPTIONS = (GeneratorExit, KeyboardInterrupt, SystemExit)

# Exceptions by which a framework answers with a status, known by name so that none is imported.
# The number stands for those that carry no status of their own.
_ANSWERS = {
    ("werkzeug.exceptions", "HTTPException"): None,
    ("starlette.exceptions", "HTTPException"): None,
    ("rest_framework.exceptions", "APIException"): None,
    ("django.http.response", "Http404"): 404,
    ("django.core.exceptions", "PermissionDenied"): 403,
    ("django.core.exceptions", "SuspiciousOperation"): 400,
    ("django.core.exceptions", "BadRequest"): 400,
    ("fastapi.exceptions", "RequestValidationError"): 422,
    ("starlette.requests", "ClientDisconnect"): 499,  # as nginx has it: nobody waits any more
    ("starlette.websockets", "WebSocketDisconnect"): 499,
    ("starlette.exceptions", "WebSocketException"): None,
}

# By what a websocket is closed where that is the server's own fault (IANA's registry); other codes
# say what is wrong with the client, or nothing.
_SERVERS_OWN = (1011, 1012, 1013, 1014)


def is_interruption(error: BaseException) -> bool:
    """Tell whether the call was stopped from outside: cancelled, closed, or the process ends."""
    if isinstance(error, _INTERRUPTIONS):
        return True
    asyncio = sys.modules.get("asyncio")  # not imported: then nothing can be its cancellation
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def says_nothing(error: BaseException) -> bool:
    """Tell whether a failed call says nothing about the thing called.

    It was not made, was stopped from outside, or had too little time; of a group, all in it.
    """
    if isinstance(error, BaseExceptionGroup):  # how a `TaskGroup` tells of its tasks' errors
        return all(says_nothing(each) for each in error.exceptions)
    if isinstance(error, Rejected) or is_interruption(error):
        return True
    return isinstance(error, DeadlineExceededError) and not error.at_fault


def is_client_error(error: BaseException) -> bool:
    """Tell whether a web framework's own exception says: an answer below 500."""
    kind: Any = type(error)
    known, status = _answer_of(kind)
    if not known:
        return False
    return (status or _status_of(error)) < 500


@lru_cache(maxsize=1024)
def _answer_of(kind: Any) -> tuple[bool, int | None]:
    for base in kind.__mro__:
        name = (base.__module__, base.__qualname__)
        if name in _ANSWERS:
            return True, _ANSWERS[name]
    return False, None


def _status_of(error: BaseException) -> int:
    """Return the status an HTTP exception carries; 500 where it has none."""
    response: Any = getattr(error, "response", None)  # werkzeug: abort(Response(...))
    found = getattr(response, "status_code", None)
    for name in ("status_code", "code"):
        found = getattr(error, name, None) if found is None else found
    if not isinstance(found, int) or found in _SERVERS_OWN:
        return 500
    return found if found < 1000 else 400


def as_matcher(setting: str, value: object) -> Matcher:
    """Return `value` as exception types or a predicate.

    Raises:
        ConfigurationError: it is neither; names the setting.
    """
    types: Any = tuple(value) if isinstance(value, list | set | frozenset) else value
    if isinstance(types, tuple):
        if all(isinstance(each, type) and issubclass(each, BaseException) for each in types):
            return types
    elif isinstance(types, type):
        if issubclass(types, BaseException):
            return types
    elif callable(types):
        return cast(Matcher, judging(setting, types))
    raise ConfigurationError(
        f"{setting}={value!r}: give an exception type, a tuple of them, "
        "or a function of the exception that returns a bool"
    )


def matches(matcher: Matcher, error: Any, *, if_broken: bool) -> bool:
    """Tell whether `error` is meant; a predicate that itself fails is logged, `if_broken` holds."""
    if isinstance(matcher, type | tuple):
        return isinstance(error, matcher)
    try:
        return bool(matcher(error))
    except Exception:
        log.exception("predicate %r failed on %r", matcher, type(error))
        return if_broken
