"""The API in words that programs read (OpenAPI 3.1)."""

from __future__ import annotations

from typing import Any

from resilience.web.admin.actions import ACTIONS, EXPERIMENT, FOR, LEVEL, LONGEST_FOR, NAME, PERCENT
from resilience.web.admin.described import EXPERIMENT_SCHEMA

_FIELDS: dict[str, dict[str, Any]] = {
    NAME: {"type": "string", "minLength": 1, "maxLength": 200},
    FOR: {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": LONGEST_FOR},
    LEVEL: {"enum": ["normal", "reduced", "minimal", "emergency"]},
    PERCENT: {"type": "number", "minimum": 0, "maximum": 100},
    EXPERIMENT: EXPERIMENT_SCHEMA,
}
_PROBLEM = {
    "application/problem+json": {
        "schema": {
            "type": "object",
            "properties": {"title": {"type": "string"}, "status": {"type": "integer"}},
            "required": ["title", "status"],
        }
    }
}
_OBJECT = {"application/json": {"schema": {"type": "object"}}}


def document(home: str) -> dict[str, Any]:
    """Return the description of the API of a dashboard that is at the path `home`."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "resilience", "version": "1"},
        "servers": [{"url": home}],
        "paths": {
            "/api/state": {"get": _read("state", "Everything at one moment.")},
            "/api/checkup": {
                "get": {
                    **_read("checkup", "What is built so that it will not hold."),
                    "parameters": [_SERVER_TIMEOUT],
                }
            },
            "/api/events": {
                "get": {
                    **_read("events", "What happened after an event, oldest first."),
                    "parameters": [_AFTER],
                }
            },
            "/api/history": {
                "get": {
                    **_read("history", "The incidents of a stretch of time, from the journal."),
                    "parameters": _WHEN,
                }
            },
            "/api/actions": {"post": _act()},
        },
    }


_AFTER = {
    "name": "after",
    "in": "query",
    "schema": {"type": "integer", "minimum": 0, "maximum": 10**15},
}

_SERVER_TIMEOUT = {
    "name": "server_timeout",
    "in": "query",
    "schema": {"type": "number", "exclusiveMinimum": 0},
}

_SECONDS = {"type": "number", "minimum": 0, "exclusiveMaximum": 1e11}
_WHEN = [
    {"name": "span", "in": "query", "schema": {"enum": ["1h", "6h", "1d", "7d", "30d"]}},
    {"name": "from", "in": "query", "schema": _SECONDS},
    {"name": "to", "in": "query", "schema": _SECONDS},
    {"name": "component", "in": "query", "schema": {"type": "string", "maxLength": 200}},
]


def _read(name: str, about: str) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": about,
        "responses": {
            "200": {"description": "as it is now", "content": _OBJECT},
            "400": {"description": "a value that is not allowed", "content": _PROBLEM},
            "404": {"description": "not for you", "content": _PROBLEM},
        },
    }


def _act() -> dict[str, Any]:
    wrong = {
        "400": "a value that is not allowed",
        "403": "not sent from the page",
        "404": "no such target, or not for you",
        "409": "an experiment that may not run here and now, or nothing to do",
        "413": "too large",
        "415": "no JSON",
        "503": "the shared store did not acknowledge it",
    }
    orders = {"oneOf": [_order(name) for name in ACTIONS]}
    return {
        "operationId": "act",
        "summary": "Do what an operator orders.",
        "requestBody": {"required": True, "content": {"application/json": {"schema": orders}}},
        "responses": {
            "200": {"description": "done", "content": _OBJECT},
            **{
                status: {"description": about, "content": _PROBLEM}
                for status, about in wrong.items()
            },
        },
    }


def _order(name: str) -> dict[str, Any]:
    action = ACTIONS[name]
    return {
        "type": "object",
        "title": name,
        "description": action.about,
        "properties": {
            "action": {"const": name},
            "reason": {"type": "string", "minLength": 1, "maxLength": 200},
            **{field: _FIELDS[field] for field in action.takes},
        },
        "required": ["action", "reason", *(each for each in action.takes if action.takes[each])],
        "additionalProperties": False,
    }
