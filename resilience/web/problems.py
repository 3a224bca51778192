"""What a client is told when a call was not made, or took too long."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from http import HTTPStatus
from urllib.parse import quote

from resilience.errors import (
    BulkheadFullError,
    CircuitOpenError,
    DeadlineExceededError,
    FeatureDisabledError,
    OverloadedError,
    Rejected,
)
from resilience.web.answers import NEVER_KEPT, Answer, Payload, json_answer
from resilience.web.negotiate import prefers_html

ANSWERED = (Rejected, DeadlineExceededError)
"""The errors that an integration answers."""

UNKNOWN_WAIT = 30
"""Seconds to wait where nobody can tell: neither hammer nor give up."""

_LONGEST_WAIT = 86_400  # seconds; who waits a day may as well ask again
_PATH = "/:@!$&'()*+,;=~"  # what RFC 3986 allows in a path besides letters, digits and -._

# The texts never quote the exception: it may hold addresses, queries, or secrets.
_SAID = {
    CircuitOpenError: "“{}” does not answer at the moment.",
    BulkheadFullError: "“{}” is busy.",
    FeatureDisabledError: "“{}” is switched off.",
    OverloadedError: "There are more requests than can be served.",
}

_TEMPLATE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{detail}</p>
</main>
</body>
</html>
"""


def answer_to(error: Rejected | DeadlineExceededError, accept: str, path: str) -> Answer:
    """Return the answer to a request that ended in `error`.

    Args:
        error: a `Rejected` gives 503 with `Retry-After`, a `DeadlineExceededError` 504.
        accept: the request's Accept header; decides between a page and problem+json (RFC 9457).
        path: the request's path, decoded.
    """
    wait = seconds_to_wait(error) if isinstance(error, Rejected) else None
    problem = _problem(error, wait, path)
    headers = {"Vary": "Accept"} if wait is None else {"Vary": "Accept", "Retry-After": str(wait)}
    if not prefers_html(accept):
        return json_answer(problem["status"], "application/problem+json", problem, headers)
    page = _TEMPLATE.format(title=problem["title"], detail=escape(problem["detail"]))
    body = page.encode("utf-8", "replace")
    return Answer(problem["status"], "text/html; charset=utf-8", body, {**NEVER_KEPT, **headers})


def seconds_to_wait(error: Rejected) -> int:
    """Return the whole seconds for `Retry-After`: rounded up, 1 to 86400."""
    wait = error.retry_after
    if wait is None or not math.isfinite(wait):
        return UNKNOWN_WAIT
    return min(max(1, math.ceil(wait)), _LONGEST_WAIT)


def _problem(error: Rejected | DeadlineExceededError, wait: int | None, path: str) -> Payload:
    status = HTTPStatus.GATEWAY_TIMEOUT if wait is None else HTTPStatus.SERVICE_UNAVAILABLE
    return {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": _detail(error, wait),
        "instance": quote(path, safe=_PATH),
        **_extensions(error, wait),
    }


def _extensions(error: Rejected | DeadlineExceededError, wait: int | None) -> Mapping[str, object]:
    if not isinstance(error, Rejected):
        return {}
    member = "circuit" if isinstance(error, CircuitOpenError) else "name"
    return {member: error.name, "retry_after": wait}


def _detail(error: Rejected | DeadlineExceededError, wait: int | None) -> str:
    if not isinstance(error, Rejected):
        return "The answer took too long."
    said = next(
        (_SAID[kind] for kind in _SAID if isinstance(error, kind)), "“{}” is not available."
    )
    unit = "second" if wait == 1 else "seconds"
    return f"{said.format(error.name)} Try again in {wait} {unit}."
