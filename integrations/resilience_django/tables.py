"""The journal's tables as Django's models, made from the description that all stores share."""

from __future__ import annotations

from typing import Any

from django.db import models

from resilience.storage.base import LONGEST_NAME
from resilience.storage.tables import COUNT, NAME, NUMBER, TABLES, Column, Table

NAMES = {
    "circuit_breakers": "CircuitBreaker",
    "circuit_breaker_state_history": "CircuitBreakerStateHistory",
    "health_checks": "HealthCheck",
    "component_health_summary": "ComponentHealthSummary",
    "recovery_events": "RecoveryEvent",
    "degradation_state": "DegradationState",
    "feature_flags": "FeatureFlag",
    "chaos_experiments": "ChaosExperiment",
    "system_health_snapshots": "SystemHealthSnapshot",
}
"""`{table: model}`"""

_PLURALS = {
    "CircuitBreakerStateHistory": "circuit breaker state history",
    "ComponentHealthSummary": "component health summary",
    "DegradationState": "degradation state",
}


def _field(column: Column) -> Any:
    empty: dict[str, Any] = {"null": True, "blank": True} if column.can_be_empty else {}
    if column.kind == NUMBER:
        return models.FloatField(**empty)
    if column.kind == COUNT:
        return models.BigIntegerField(**empty)
    if column.kind == NAME:
        return models.CharField(max_length=LONGEST_NAME, **empty)
    return models.TextField(**empty)


def _model(table: Table) -> type[models.Model]:
    name = NAMES[table.name]
    options: dict[str, Any] = {
        "app_label": "resilience",
        "db_table": f"resilience_{table.name}",
        "default_permissions": ("view",),
        "indexes": [
            models.Index(fields=list(columns), name=_index_name(table.name, number))
            for number, columns in enumerate(table.indexes)
        ],
    }
    if name in _PLURALS:
        options["verbose_name_plural"] = _PLURALS[name]
    if table.key:
        unique = models.UniqueConstraint(
            fields=list(table.key), name=f"resilience_{table.name}_key"
        )
        options["constraints"] = [unique]
    attributes: dict[str, Any] = {column.name: _field(column) for column in table.columns}
    attributes |= {
        "__module__": "resilience_django.models",
        "__doc__": f"A row of `{table.name}`.",
        "__str__": _shown,
        "Meta": type("Meta", (), options),
    }
    return type(name, (models.Model,), attributes)


def _index_name(table: str, number: int) -> str:
    """Return a name of at most 30 characters, as Oracle and so Django want it."""
    return f"res_{table[:20]}_{number}"


def _shown(row: Any) -> str:
    return " ".join(
        str(value)
        for value in (getattr(row, name, None) for name in ("component", "name", "type", "kind"))
        if value
    )


MODELS: dict[str, Any] = {name: _model(table) for name, table in TABLES.items()}
"""`{table: model}`"""
