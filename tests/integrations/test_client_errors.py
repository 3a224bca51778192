"""The exceptions by which frameworks answer below 500 are no failures, in every framework."""

from typing import Any

import pytest
from django.core.exceptions import BadRequest, DisallowedHost, PermissionDenied
from django.http import Http404
from fastapi import HTTPException as FastAPIHTTPException
from fastapi import WebSocketException as FastAPIWebSocketException
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.exceptions import WebSocketException as StarletteWebSocketException
from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocketDisconnect
from werkzeug import exceptions as werkzeug
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response

from resilience import System


class MissingPageError(Http404):
    """A user's own subclass."""


CLIENT_ERRORS = [
    werkzeug.NotFound(),
    werkzeug.TooManyRequests(),
    werkzeug.BadRequestKeyError("name"),
    werkzeug.HTTPException(response=Response(status=418)),
    RequestRedirect("/elsewhere"),
    Http404(),
    MissingPageError(),
    PermissionDenied(),
    BadRequest(),
    DisallowedHost(),
    StarletteHTTPException(404),
    FastAPIHTTPException(422),
    RequestValidationError([]),
    ClientDisconnect(),
    WebSocketDisconnect(1000),
    WebSocketDisconnect(1006),
    StarletteWebSocketException(1008),
    FastAPIWebSocketException(4001),
]
FAILURES = [
    werkzeug.InternalServerError(),
    werkzeug.BadGateway(),
    werkzeug.HTTPException(response=Response(status=503)),
    werkzeug.HTTPException(),
    StarletteHTTPException(503),
    FastAPIHTTPException(500),
    FastAPIWebSocketException(1011),
    LookupError("not a framework's"),
]


def named(error: BaseException) -> str:
    """Name a case."""
    return f"{type(error).__module__}.{type(error).__name__}"


def outcome(error: Exception) -> tuple[Any, int, str]:
    """Raise `error` in a circuit with a fallback; return answer, failures, state."""
    system = System()

    @system.fallback("stood in")
    @system.circuit("views", failure_threshold=1)
    def view() -> str:
        raise error

    answer: Any = None
    try:
        answer = view()
    except Exception as raised:
        answer = raised
    circuit = system.circuits["views"]
    return answer, circuit.snapshot().failures, str(circuit.state)


@pytest.mark.parametrize("error", CLIENT_ERRORS, ids=named)
def test_an_answer_below_500_is_no_failure(error: Exception) -> None:
    """It passes through circuit and fallback as it is."""
    assert (error, 0, "closed") == outcome(error)


@pytest.mark.parametrize("error", FAILURES, ids=named)
def test_all_else_is_a_failure(error: Exception) -> None:
    """Also an HTTP exception of 500 and above, and one without a status."""
    answer, _, state = outcome(error)

    assert (answer, state) == ("stood in", "open")
