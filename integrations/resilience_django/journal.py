"""The journal in the project's own database, by Django's ORM."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connections, router, transaction
from django.db.models import F, QuerySet

from resilience import ConfigurationError
from resilience.storage import condensing
from resilience.storage.condensing import Rule
from resilience.storage.fitting import read_back, stored
from resilience.storage.tables import TABLES, Row
from resilience_django.tables import MODELS

SCHEME = "django"
URL = "django://"
"""What the setting `url` says for the database that the project's routers choose."""


class DjangoStore:
    """Rows in the databases that the project's routers choose for our models.

    Args:
        address: `django://`.

    Raises:
        ConfigurationError: it is another one.
    """

    path: Path | None = None

    def __init__(self, address: str = URL) -> None:
        if address != URL:
            raise ConfigurationError(
                f"journal: url={address!r}: give {URL!r}; a router of the project chooses the "
                "database"
            )
        self.address = address

    def open(self) -> None:
        """Look whether the tables are there; migrations make them."""
        try:
            for alias in sorted({self._writes(name) for name in TABLES}):
                with connections[alias].cursor() as cursor:
                    names = set(connections[alias].introspection.table_names(cursor))
                wanted = {
                    MODELS[name]._meta.db_table for name in TABLES if self._writes(name) == alias
                }
                if wanted - names:
                    raise ConfigurationError(
                        f"journal: database {alias!r} has no table {min(wanted - names)}: "
                        "run `manage.py migrate resilience`"
                    )
        finally:
            self._leave()

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows: all, or on an error none."""
        by_table: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            by_table[row.table].append(stored(TABLES[row.table], row.values))
        try:
            with ExitStack() as transactions:
                for alias in sorted({self._writes(name) for name in by_table}):
                    transactions.enter_context(_transaction(alias))
                for name in sorted(by_table):
                    self._write_one(name, by_table[name])
        finally:
            self._leave()

    def _write_one(self, name: str, rows: list[dict[str, Any]]) -> None:
        key, model, alias = TABLES[name].key, MODELS[name], self._writes(name)
        if not key:
            model._default_manager.using(alias).bulk_create([model(**row) for row in rows])
            return
        latest = {tuple(row[column] for column in key): row for row in rows}
        rest = [each.name for each in TABLES[name].columns if each.name not in key]
        conflict: dict[str, Any] = {"update_conflicts": True, "update_fields": rest}
        if connections[alias].features.supports_update_conflicts_with_target:
            conflict["unique_fields"] = list(key)
        made = [model(**latest[each]) for each in sorted(latest)]
        model._default_manager.using(alias).bulk_create(made, **conflict)

    def read(
        self,
        table: str,
        *,
        since: float | None = None,
        until: float | None = None,
        equal: Mapping[str, Any] | None = None,
        newest: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return rows as dicts, oldest first."""
        model = MODELS[table]
        wanted: dict[str, Any] = dict(equal or {})
        if since is not None:
            wanted["at__gte"] = since
        if until is not None:
            wanted["at__lt"] = until
        rows = model._default_manager.using(router.db_for_read(model)).filter(**wanted)
        found = [read_back(dict(row)) for row in rows.order_by("-at", "-pk").values()[:newest]]
        self._leave()
        return found[::-1]

    def prune(self, before: float, most: int) -> int:
        """Delete up to `most` rows older than `before` that say nothing of what holds now."""
        gone = 0
        for name, table in TABLES.items():
            if gone >= most or (table.key and not table.spent):
                continue
            old = self._rows(name).filter(at__lt=before)
            if table.spent:
                old = old.filter(state__in=table.spent)
            ids = list(old.order_by("at").values_list("pk", flat=True)[: most - gone])
            gone += old.filter(pk__in=ids).delete()[0]
        self._leave()
        return gone

    def condense(self, rule: Rule, now: float, since: float, most: int) -> float | None:
        """Condense up to `most` counts of calls; return up to when that was done, None: all."""
        alias = self._writes(condensing.TABLE)
        try:
            with _transaction(alias):
                rows = list(self._condensable(rule, now, since, most))
                ids = [row["id"] for row in rows]
                for index in range(0, len(ids), 500):
                    self._rows(condensing.TABLE).filter(pk__in=ids[index : index + 500]).delete()
                model = MODELS[condensing.TABLE]
                fresh = [model(**row) for row in condensing.condensed(rows, rule.span)]
                model._default_manager.using(alias).bulk_create(fresh, batch_size=500)
        finally:
            self._leave()
        return float(rows[-1]["at"]) if len(rows) == most else None

    def _condensable(self, rule: Rule, now: float, since: float, most: int) -> Any:
        rows = self._rows(condensing.TABLE).filter(
            kind=condensing.CALLS, span__lt=rule.span, at__gte=since, at__lt=now - rule.age
        )
        if rule.quiet:
            tenth = F("calls") / condensing.QUIET_SHARE
            rows = rows.filter(rejected=0, failures__lte=tenth, slow_calls__lte=tenth)
        features = connections[self._writes(condensing.TABLE)].features
        if features.has_select_for_update:
            rows = rows.select_for_update()
        return rows.order_by("at").values()[:most]

    def after_fork(self) -> None:
        """Do nothing: Django's connections belong to threads, of which a child has none."""

    def close(self) -> None:
        """Let go of this thread's connections, unless a transaction is under way on them."""
        self._leave()

    def _rows(self, name: str) -> QuerySet[Any]:
        return MODELS[name]._default_manager.using(self._writes(name))

    def _writes(self, name: str) -> str:
        alias: str = router.db_for_write(MODELS[name])
        return alias

    def _leave(self) -> None:
        """Close what a background thread opened: no request's end does it there."""
        if threading.current_thread() is threading.main_thread():
            return
        for alias in {self._writes(name) for name in TABLES}:
            connection = connections[alias]
            if not connection.in_atomic_block:
                try:
                    connection.close()
                except DatabaseError:  # it is gone already
                    continue


def _transaction(alias: str) -> Any:
    return transaction.atomic(using=alias)
