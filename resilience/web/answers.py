"""What goes back to a client, before any framework has a hand in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Payload = Mapping[str, Any]

NEVER_KEPT = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; to HEAD the frameworks send it without the body.

    Args:
        status: the HTTP status.
        content_type: what the body is.
        body: the body's bytes.
        headers: all further headers, `dict[name, value]`.
    """

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: NEVER_KEPT)


def json_answer(
    status: int, content_type: str, payload: Payload, headers: Mapping[str, str] | None = None
) -> Answer:
    """Return an answer that no cache keeps, with `payload` as JSON (RFC 8259, ASCII only)."""
    body = json.dumps(payload, allow_nan=False).encode("ascii")
    return Answer(status, content_type, body, {**NEVER_KEPT, **(headers or {})})
