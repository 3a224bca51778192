"""What an exception means: a failure of the thing called, or something else."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import werkzeug.exceptions as werkzeug
from django.core import exceptions as django
from django.http import Http404
from fastapi import HTTPException as FastAPIHTTPException
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from werkzeug.wrappers import Response

from resilience import (
    Circuit,
    CircuitOpenError,
    ConfigurationError,
    DeadlineExceededError,
    Rejected,
    System,
)
from resilience.core.classify import as_matcher, is_client_error, is_interruption, says_nothing
from resilience.core.trigger import Trigger


class ServiceError(werkzeug.NotFound):
    """An app's own exception, derived from a framework's."""


class UpstreamResponseError(Exception):
    """A client library's error about somebody else's answer, which is a failure of theirs."""

    status_code = 404


CLIENT_ERRORS = [
    werkzeug.BadRequest(),
    werkzeug.Unauthorized(),
    werkzeug.NotFound(),
    werkzeug.TooManyRequests(),
    ServiceError(),
    werkzeug.HTTPException(response=Response(status=410)),
    StarletteHTTPException(404),
    FastAPIHTTPException(401),
    RequestValidationError([]),
    Http404(),
    django.PermissionDenied(),
    django.SuspiciousOperation(),
    django.DisallowedHost(),
    django.BadRequest(),
]
FAILURES = [
    werkzeug.InternalServerError(),
    werkzeug.ServiceUnavailable(),
    werkzeug.GatewayTimeout(),
    werkzeug.HTTPException(),
    werkzeug.HTTPException(response=Response(status=502)),
    StarletteHTTPException(500),
    FastAPIHTTPException(503),
    django.ImproperlyConfigured(),
    UpstreamResponseError(),
    OSError(),
]


def end(circuit: Circuit, error: BaseException) -> tuple[int, int]:
    """Let a call raise; return calls and failures counted so far."""

    def call() -> None:
        raise error

    with pytest.raises(type(error)):
        circuit.call(call)
    return circuit.snapshot().calls, circuit.snapshot().failures


@pytest.mark.parametrize("error", CLIENT_ERRORS, ids=repr)
def test_answers_below_500_are_successes(system: System, error: Exception) -> None:
    """A page that is not there is the visitor's error, whoever asks for what as a failure."""
    assert is_client_error(error)
    assert end(system.circuits.get("it"), error) == (1, 0)
    assert end(system.circuits.get("all", on=Exception), error) == (1, 0)


@pytest.mark.parametrize("error", FAILURES, ids=repr)
def test_answers_from_500_are_failures(system: System, error: Exception) -> None:
    """So is what only looks like an answer, or has no status."""
    assert not is_client_error(error)
    assert end(system.circuits.get("it"), error) == (1, 1)


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), GeneratorExit(), KeyboardInterrupt(), SystemExit()]
)
@pytest.mark.parametrize("on", [Exception, BaseException, lambda error: True])
def test_interruptions_are_neither(system: System, error: BaseException, on: Any) -> None:
    """Whatever `on` says: nobody failed."""
    assert is_interruption(error)
    assert end(system.circuits.get("it", on=on), error) == (0, 0)


class StopEverything(BaseException):
    """A library's own way to stop a task from outside, such as trio's."""


@pytest.mark.parametrize(
    ("given", "error", "counted"),
    [
        ({}, ValueError(), (1, 1)),
        ({"on": OSError}, ValueError(), (1, 0)),
        ({"on": OSError}, ConnectionError(), (1, 1)),
        ({"on": (OSError, ValueError)}, ValueError(), (1, 1)),
        ({"on": [OSError, ValueError]}, ValueError(), (1, 1)),
        ({"on": ()}, ValueError(), (1, 0)),
        ({"on": lambda error: error.args == (5,)}, OSError(5), (1, 1)),
        ({"on": lambda error: error.args == (5,)}, OSError(6), (1, 0)),
        ({"ignore": OSError}, ConnectionError(), (0, 0)),
        ({"ignore": OSError}, ValueError(), (1, 1)),
        ({"on": OSError, "ignore": ConnectionError}, ConnectionError(), (0, 0)),
        ({"ignore": lambda error: error.args == (5,)}, OSError(5), (0, 0)),
        ({}, Rejected("inner"), (0, 0)),
        ({"on": CircuitOpenError}, CircuitOpenError("inner", 1.0), (0, 0)),
        ({}, ExceptionGroup("tasks", [Rejected("inner"), Rejected("other")]), (0, 0)),
        ({}, ExceptionGroup("tasks", [Rejected("inner"), OSError()]), (1, 1)),
        ({}, DeadlineExceededError(), (1, 1)),
        ({"on": KeyError}, DeadlineExceededError(), (1, 1)),
        ({"ignore": TimeoutError}, DeadlineExceededError(), (0, 0)),
        ({}, StopEverything(), (0, 0)),
        ({"on": BaseException}, StopEverything(), (1, 1)),
    ],
)
def test_on_and_ignore_tell_failures_from_others(
    system: System, given: dict[str, Any], error: BaseException, counted: tuple[int, int]
) -> None:
    """`ignore` beats `on` and counts nothing; what is not in `on` is a success."""
    assert end(system.circuits.get("it", **given), error) == counted


def test_a_predicate_for_ignore_that_fails_ignores_nothing(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake in it does not blind the circuit."""
    circuit = system.circuits.get("it", ignore=lambda error: error.status == 404)

    assert end(circuit, ValueError()) == (1, 1)
    assert "predicate" in caplog.text


def hurried() -> DeadlineExceededError:
    """Return the error of a call that had too little time."""
    error = DeadlineExceededError("little was left")
    error.at_fault = False
    return error


@pytest.mark.parametrize(
    ("error", "nothing"),
    [
        (Rejected("x"), True),
        (CircuitOpenError("x", 1.0), True),
        (hurried(), True),
        (KeyboardInterrupt(), True),
        (asyncio.CancelledError(), True),
        (DeadlineExceededError("its own"), False),
        (TimeoutError(), False),
        (OSError(), False),
    ],
)
def test_what_says_nothing_is_no_failure_for_anybody(error: BaseException, nothing: bool) -> None:
    """Neither for circuits nor for what recovers components."""
    assert says_nothing(error) is nothing
    assert Trigger(BaseException).fires(error) is not nothing


async def _awaited(_: BaseException) -> bool:
    return False


def _items(_: BaseException) -> Iterator[bool]:
    yield False


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (_awaited, "give a plain function, which an async function is not"),
        (_items, "give a plain function, which a generator function is not"),
        (lambda: True, "called with one argument"),
        (lambda error, *, more: True, "called with one argument"),
    ],
)
def test_a_predicate_that_could_not_answer_is_refused(value: Any, words: str) -> None:
    """A coroutine is true whatever it would say, and a wrong signature says nothing at all."""
    with pytest.raises(ConfigurationError, match=words):
        as_matcher("on", value)


@pytest.mark.parametrize("value", [callable, max, lambda *errors: True, lambda error, more=1: True])
def test_a_predicate_takes_the_error(value: Any) -> None:
    """By whatever name; built-in functions that do not say what they take are trusted."""
    assert as_matcher("on", value) is value
