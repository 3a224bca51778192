"""An experiment as programs describe it, in words that they read (JSON Schema)."""

from __future__ import annotations

from typing import Any

from resilience.chaos.settings import FAULTS
from resilience.chaos.steady import METRICS

Schema = dict[str, Any]

_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 200}
_NOT_NEGATIVE: Schema = {"type": "number", "minimum": 0}

_ARGUMENTS: dict[str, Schema] = {
    "latency": {
        "seconds": _NOT_NEGATIVE,
        "jitter": {"type": "number", "minimum": 0, "maximum": 1},
    },
    "error": {
        "exception": {
            "description": "Or another built-in one, or `module:Type` of a loaded module.",
            "enum": ["ConnectionError", "TimeoutError", "OSError", "RuntimeError", "ValueError"],
        }
    },
    "outage": {},
    "exhaustion": {"bulkhead": {**_NAME, "type": ["string", "null"]}},
    "corrupt": {"result": {}},
    "clock_skew": {"seconds": {"type": "number", "minimum": -1e10}},
}
_NEEDED = {"latency": ["seconds"], "clock_skew": ["seconds"]}

_CONDITION: Schema = {
    "type": "string",
    "description": "Or of one of them, as `health_score(postgres) >= 80`.",
    "pattern": rf"^({'|'.join(METRICS)}) (<=|>=|<|>|==) [0-9]{{1,9}}(\.[0-9]{{1,9}})?$",
}
_MATCH: Schema = {
    "type": "object",
    "properties": {
        "header": {
            "type": "object",
            "propertyNames": {"minLength": 1, "maxLength": 200},
            "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 1000},
        },
        "tenant": _NAME,
        "route": _NAME,
    },
    "minProperties": 1,
    "additionalProperties": False,
}


def _fault(kind: str) -> Schema:
    return {
        "type": "object",
        "title": kind,
        "properties": {"kind": {"const": kind}, **_ARGUMENTS[kind]},
        "required": ["kind", *_NEEDED.get(kind, ())],
        "additionalProperties": False,
    }


_BARE_FAULT: Schema = {"enum": [kind for kind in FAULTS if kind not in _NEEDED]}

EXPERIMENT_SCHEMA: Schema = {
    "type": "object",
    "description": "As a file describes it: docs/chaos.md.",
    "properties": {
        "name": _NAME,
        "fault": {"oneOf": [_BARE_FAULT, *(_fault(kind) for kind in FAULTS)]},
        "target": {"oneOf": [_NAME, {"type": "array", "items": _NAME, "minItems": 1}]},
        "duration": {"type": "number", "exclusiveMinimum": 0},
        "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "steady_state": {"type": "array", "items": _CONDITION},
        "match": _MATCH,
        "seed": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
    },
    "required": ["name", "fault", "target"],
    "additionalProperties": False,
}
