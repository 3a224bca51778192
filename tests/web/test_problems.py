"""What clients are told of rejected calls."""

import json
import math
from typing import Any

import pytest

from resilience import (
    BulkheadFullError,
    CircuitOpenError,
    DeadlineExceededError,
    FeatureDisabledError,
    OverloadedError,
    Rejected,
)
from resilience.web.problems import answer_to, seconds_to_wait

TEXTS = [
    (CircuitOpenError, "“x” does not answer at the moment. Try again in 1 second."),
    (BulkheadFullError, "“x” is busy. Try again in 1 second."),
    (FeatureDisabledError, "“x” is switched off. Try again in 1 second."),
    (OverloadedError, "There are more requests than can be served. Try again in 1 second."),
    (Rejected, "“x” is not available. Try again in 1 second."),
]
WAITS = [
    (0.0, 1),
    (0.2, 1),
    (1.0, 1),
    (1.001, 2),
    (29.5, 30),
    (-5.0, 1),
    (1e9, 86_400),
    (None, 30),
    (math.inf, 30),
    (math.nan, 30),
]


def problem_of(error: Any, path: str = "/") -> Any:
    """Return the problem document for an error."""
    return json.loads(answer_to(error, "", path).body)


@pytest.mark.parametrize(("given", "expected"), WAITS)
def test_seconds_to_wait(given: float | None, expected: int) -> None:
    """Whole, rounded up, at least one, and always there."""
    assert expected == seconds_to_wait(Rejected("x", given))
    assert answer_to(Rejected("x", given), "", "/").headers["Retry-After"] == str(expected)


@pytest.mark.parametrize(("kind", "text"), TEXTS)
def test_each_kind_says_what_it_is(kind: type[Rejected], text: str) -> None:
    """In words for people; the name is there for programs."""
    problem = problem_of(kind("x", 1))

    member = "circuit" if kind is CircuitOpenError else "name"
    assert (text, "x", 503) == (problem["detail"], problem[member], problem["status"])


def test_what_a_users_subclass_says_stays_inside() -> None:
    """Only the family's own words are shown, never an exception's text or cause."""

    class PaymentsDownError(CircuitOpenError):
        def __str__(self) -> str:
            return "db://secret"

    error = PaymentsDownError("payments", 3)
    error.__cause__ = ConnectionError("db://secret")

    assert b"secret" not in answer_to(error, "", "/").body
    assert b"secret" not in answer_to(error, "text/html", "/").body


def test_a_page_escapes_names() -> None:
    """A circuit's name may come from what a user typed."""
    answer = answer_to(CircuitOpenError('<script>alert("1")</script>', 3), "text/html", "/")

    assert answer.content_type == "text/html; charset=utf-8"
    assert b"<script" not in answer.body
    assert b"&lt;script&gt;alert(&quot;1&quot;)" in answer.body


def test_a_page_takes_names_that_utf_8_cannot_hold() -> None:
    """Half a surrogate pair is replaced."""
    assert b"a?b" in answer_to(Rejected("a\ud800b", 3), "text/html", "/").body
    assert problem_of(Rejected("a\ud800b", 3))["name"] == "a\ud800b"


@pytest.mark.parametrize("accept", ["", "text/html"])
def test_headers_are_the_same_for_page_and_problem(accept: str) -> None:
    """Neither is kept by caches, and both depend on what was asked for."""
    headers = answer_to(Rejected("x", 3), accept, "/").headers

    assert headers == {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept",
        "Retry-After": "3",
    }


def test_a_deadline_has_no_time_to_wait() -> None:
    """The same request may well be answered at once."""
    answer = answer_to(DeadlineExceededError("2 s"), "", "/pay")

    assert answer.status == 504
    assert "Retry-After" not in answer.headers
    assert problem_of(DeadlineExceededError("2 s"), "/pay") == {
        "type": "about:blank",
        "title": "Gateway Timeout",
        "status": 504,
        "detail": "The answer took too long.",
        "instance": "/pay",
    }


@pytest.mark.parametrize(
    ("path", "instance"),
    [
        ("/a b/ü", "/a%20b/%C3%BC"),
        ("/50%", "/50%25"),
        ("/a?b#c", "/a%3Fb%23c"),
        ("/x[1]@y;z", "/x%5B1%5D@y;z"),
    ],
)
def test_the_instance_is_a_uri(path: str, instance: str) -> None:
    """The path as a URI reference, RFC 3986."""
    assert instance == problem_of(Rejected("x", 1), path)["instance"]
