"""The journal's tables, described once for every store: SQLAlchemy's and Django's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NUMBER, COUNT, NAME, TEXT, DETAILS = "number", "count", "name", "text", "details"
"""What a column holds: a float; a whole number; at most 200 characters; any text; JSON."""

VERSION = 1
"""The version of this schema; a store of a later one is refused, of an earlier one upgraded."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Args:
        name: its name.
        kind: one of `NUMBER`, `COUNT`, `NAME`, `TEXT`, `DETAILS`.
        optional: may be empty.
    """

    name: str
    kind: str
    optional: bool = False

    @property
    def can_be_empty(self) -> bool:
        """Whether there may be nothing in it."""
        return self.optional or self.kind == DETAILS


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Args:
        name: its name.
        columns: without the running number `id`, which every table without a key has.
        key: columns that name a row of which there is one only; writing it again replaces it.
        indexes: columns of each index.
        spent: states of rows by name that say no more than if there were none; once old they go,
            as history does.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    spent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """Something to be written.

    Args:
        table: the table's name.
        values: `{column: value}`; columns left out are empty.
    """

    table: str
    values: Mapping[str, Any]


def _columns(**kinds: str) -> tuple[Column, ...]:
    """Return columns by name; `name="text?"` may be empty."""
    return tuple(
        Column(name, kind.removesuffix("?"), kind.endswith("?")) for name, kind in kinds.items()
    )


_HAPPENED = _columns(at=NUMBER, worker=NAME, component=NAME, type=NAME)
"""When (wall-clock seconds since 1970), in which process, to what, and what (the event's type)."""
_BY_WHOM = _columns(reason="text?", actor="name?", until="number?")
"""Why, who ordered it, and when that ends (wall-clock seconds)."""
_BY_TIME = (("at",), ("component", "at"))

STATE, ORDER = "state", "order"
"""The `kind` of rows by name: what is, and what an operator ordered; of features each order has its
own kind. Several processes write the first as they see it, and the second only when it changes."""

TABLES: dict[str, Table] = {
    each.name: each
    for each in (
        Table(
            "circuit_breakers",
            (
                *_columns(name=NAME, kind=NAME, at=NUMBER, worker=NAME, state=NAME),
                *_columns(generation=COUNT, opened_at="number?", error="text?"),
                *_BY_WHOM,
            ),
            key=("name", "kind"),
            spent=("closed", ""),  # circuits of keys, such as tenants, come and go
        ),
        Table(
            "circuit_breaker_state_history",
            (
                *_HAPPENED,
                *_columns(state="name?", calls="count?", failures="count?", slow_calls="count?"),
                *_columns(error="text?"),
                *_BY_WHOM,
                *_columns(data=DETAILS),
            ),
            indexes=_BY_TIME,
        ),
        Table(
            "health_checks",
            _columns(
                at=NUMBER,
                worker=NAME,
                component=NAME,
                name=NAME,
                status=NAME,
                seconds="number?",
                output="text?",
            ),
            indexes=_BY_TIME,
        ),
        Table(
            "component_health_summary",
            _columns(
                at=NUMBER,
                span=NUMBER,
                worker=NAME,
                component=NAME,
                kind=NAME,
                calls=COUNT,
                failures=COUNT,
                slow_calls=COUNT,
                rejected=COUNT,
                score="number?",
                latency="number?",
            ),
            indexes=(*_BY_TIME, ("kind", "component", "at")),
        ),
        Table(
            "recovery_events",
            (
                *_HAPPENED,
                *_columns(category="name?", severity="name?", strategy="name?"),
                *_columns(seconds="number?", error="text?", data=DETAILS),
            ),
            indexes=_BY_TIME,
        ),
        Table(
            "degradation_state",
            (
                *_HAPPENED,
                *_columns(level="name?", previous="name?", trigger="name?"),
                *_BY_WHOM,
                *_columns(data=DETAILS),
            ),
            indexes=_BY_TIME,
        ),
        Table(
            "feature_flags",
            (
                *_columns(name=NAME, kind=NAME, at=NUMBER, worker=NAME, enabled="count?"),
                *_columns(killed="count?", capability="number?", rollout="number?"),
                *_columns(value="name?"),
                *_BY_WHOM,
            ),
            key=("name", "kind"),
        ),
        Table(
            "chaos_experiments",
            (
                *_HAPPENED,
                *_columns(fault="name?", target="name?", status="name?", actor="name?"),
                *_columns(seed="count?", data=DETAILS),
            ),
            indexes=_BY_TIME,
        ),
        Table(
            "system_health_snapshots",
            _columns(
                at=NUMBER,
                worker=NAME,
                score="number?",
                level="name?",
                open_circuits=COUNT,
                data=DETAILS,
            ),
            indexes=(("at",),),
        ),
    )
}
"""All tables but `schema_version`, by name."""
