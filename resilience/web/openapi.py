"""What OpenAPI says of the answers that any operation may give."""

from __future__ import annotations

from typing import Any

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
    },
}
_REJECTION = {
    **_PROBLEM,
    "properties": {
        **_PROBLEM["properties"],  # type: ignore[dict-item]
        "circuit": {"type": "string", "description": "the circuit that is open"},
        "name": {"type": "string", "description": "what else could not be called"},
        "retry_after": {"type": "integer", "description": "seconds to wait"},
    },
}

RESPONSES: dict[int | str, dict[str, Any]] = {
    503: {
        "description": "What this needs does not answer at the moment; come again later",
        "headers": {
            "Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}
        },
        "content": {"application/problem+json": {"schema": _REJECTION}},
    },
    504: {
        "description": "The answer took too long",
        "content": {"application/problem+json": {"schema": _PROBLEM}},
    },
}
"""The answers to rejected and late calls, for `responses=` of FastAPI apps, routers and routes."""

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def add_responses(schema: dict[str, Any]) -> dict[str, Any]:
    """Add `RESPONSES` to every operation of an OpenAPI document that does not say its own."""
    for path in schema.get("paths", {}).values():
        for method in _METHODS:
            if method in path:
                answers = path[method].setdefault("responses", {})
                for status, answer in RESPONSES.items():
                    answers.setdefault(str(status), answer)
    return schema
