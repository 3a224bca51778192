"""Values as databases take them: bounded, of the right type, without what they refuse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from resilience.storage.base import LONGEST_NAME, LONGEST_TEXT
from resilience.storage.tables import COUNT, DETAILS, NAME, NUMBER, Table


def stored(table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return all columns of a row as the database takes them: bounded, of the right type."""
    return {each.name: _fitting(each.kind, values.get(each.name)) for each in table.columns}


def _fitting(kind: str, value: Any) -> Any:
    if kind == DETAILS:
        return _details(value) if value else None
    if value is None:
        return None
    if kind == NUMBER:
        return float(value)
    if kind == COUNT:
        return int(value)
    text = str(value).replace("\x00", "")  # PostgreSQL refuses NUL
    longest = LONGEST_NAME if kind == NAME else LONGEST_TEXT
    return text.encode("utf-8", "replace").decode()[:longest]


def _details(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= LONGEST_TEXT else json.dumps({"cut": text[: LONGEST_TEXT // 2]})


def read_back(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row that was read, its details as they were given."""
    if row.get("data") is not None:
        row["data"] = json.loads(row["data"])
    return row
