"""What the endpoints and headers tell, made from what the system holds in memory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Payload = dict[str, Any]

STATUSES = {"pass": 200, "warn": 200, "fail": 503}
"""The HTTP status of each health status (draft-inadarei-api-health-check-06, section 3.1)."""

_NOT_IN_HEADERS = re.compile(r"[^A-Za-z0-9._:\[\]*-]")
_MOST_NAMES = 10
_MOST_CHARACTERS = 1000


def liveness() -> Payload:
    """Return that the process runs; looks at nothing."""
    return {"status": "pass"}


def degraded_header(marks: Mapping[str, str]) -> str:
    """Return the value of `X-Degraded`: `name=how, …`, at most 10 names and 1000 characters.

    Args:
        marks: `dict[component, how]`, as `degraded.Marks` says it.
    """
    value = ""
    for component, how in list(marks.items())[:_MOST_NAMES]:
        entry = f"{_NOT_IN_HEADERS.sub('_', component)}={how}"
        if len(value) + len(entry) + 2 > _MOST_CHARACTERS:
            break
        value = f"{value}, {entry}" if value else entry
    return value
