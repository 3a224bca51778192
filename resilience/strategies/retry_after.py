"""What a server says about trying again: `Retry-After`, and statuses that no attempt changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

# Answers to the request as it is. Not among them: too slow, too early, too many.
_LASTING = frozenset(range(400, 500)) - {408, 425, 429}


def asked_wait(source: Any, now: float) -> float | None:
    """Return the seconds, >= 0, after which to try again, if an error or response says so.

    Looks at `error.retry_after`, at the headers of `error.response` (httpx, requests), and at
    `headers` of the error (urllib) or response itself.

    Args:
        source: an exception, or what was returned.
        now: wall-clock time, seconds since 1970-01-01 UTC; dates are counted from it.
    """
    try:
        found = _said(source)
        return None if found is None else _in_seconds(found, now)
    except Exception:  # other people's objects, and what servers write into headers
        return None


def is_lasting(error: BaseException) -> bool:
    """Tell whether an HTTP client's error is for an answer 4xx that would be the same again."""
    try:
        status = getattr(getattr(error, "response", None), "status_code", None)
        status = getattr(error, "status", None) if status is None else status
        return isinstance(status, int) and status in _LASTING
    except Exception:  # properties of other people's errors may raise what they like
        return False


def _said(source: Any) -> Any:
    if isinstance(source, BaseException):
        asked = getattr(source, "retry_after", None)
        if asked is not None:
            return asked
    for holder in (getattr(source, "response", None), source):
        headers = getattr(holder, "headers", None)
        if headers is not None:
            value = headers.get("Retry-After")
            return headers.get("retry-after") if value is None else value
    return None


def _in_seconds(found: Any, now: float) -> float | None:
    """Return seconds from a number, a `timedelta`, or the header's text (RFC 9110, 10.2.3)."""
    if isinstance(found, timedelta):
        found = found.total_seconds()
    elif isinstance(found, str):
        text = found.strip()
        found = float(text) if text[:1].isdigit() else _moment(text) - now
        found = max(found, 0.0)  # a date that has passed: at once
    return float(found) if 0.0 <= found < inf else None


def _moment(text: str) -> float:
    from email.utils import parsedate_to_datetime  # few servers write dates

    date = parsedate_to_datetime(text)
    return (date if date.tzinfo else datetime.replace(date, tzinfo=UTC)).timestamp()
