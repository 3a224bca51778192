"""Times as answers write them."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp(at: float) -> str:
    """Return wall-clock seconds as RFC 3339 in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return moment.replace("+00:00", "Z")
