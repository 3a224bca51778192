"""The journal in Django's admin: to look at, to filter and to search, never to change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from resilience.storage.tables import DETAILS, TABLES, TEXT, Table
from resilience_django.tables import MODELS

_FILTERS = ("type", "state", "status", "kind", "level", "severity", "category", "trigger")
_SEARCHED = ("name", "component", "reason", "error", "output", "actor", "worker")


class JournalAdmin(admin.ModelAdmin):
    """A table of the journal."""

    show_full_result_count = False
    list_per_page = 50
    ordering = ("-at",)

    @admin.display(description="time (UTC)", ordering="at")
    def time(self, row: Any) -> str:
        """Return when it happened."""
        return datetime.fromtimestamp(row.at, UTC).strftime("%Y-%m-%d %H:%M:%S")

    @admin.display(description="until (UTC)", ordering="until")
    def ends(self, row: Any) -> str | None:
        """Return when it ends."""
        if row.until is None:
            return None
        return datetime.fromtimestamp(row.until, UTC).strftime("%Y-%m-%d %H:%M:%S")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds to what happened."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes what happened."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only age deletes what happened."""
        return False


def _options(table: Table) -> dict[str, Any]:
    names = [column.name for column in table.columns]
    long = {column.name for column in table.columns if column.kind in (TEXT, DETAILS)}
    shown = [name for name in names if name not in long | {"at", "until", "worker"}]
    ends = ["ends"] if "until" in names else []
    short = [name for name in ("reason", "error", "output") if name in names]
    return {
        "list_display": ["time", *shown, *ends, *short[:1]],
        "list_filter": [name for name in _FILTERS if name in names],
        "search_fields": [name for name in _SEARCHED if name in names],
        "__doc__": JournalAdmin.__doc__,
        "__module__": __name__,
    }


def register() -> None:
    """Show every table of the journal."""
    for name, table in TABLES.items():
        model = MODELS[name]
        shown = type(f"{model.__name__}Admin", (JournalAdmin,), _options(table))
        admin.site.register(model, shown)
