"""What the journal is told, checked when it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from resilience.core.checks import flag, number, seconds, text, whole
from resilience.core.section import Check, Section

DEFAULT_URL = "sqlite:///resilience.db"
DAY = 86_400.0


def _days(setting: str, value: Any) -> float:
    return number(setting, value, above=0.0, most=36_500.0)


@dataclass(frozen=True, slots=True)
class JournalSettings(Section):
    """Whether and where what happens is kept.

    Args:
        enabled: keep it; default: yes if a `url` is given.
        url: of the database, as SQLAlchemy takes it; default `sqlite:///resilience.db`.
        batch_size: rows, >= 1, that are written in one transaction.
        flush_interval: seconds, > 0, after which what waits is written; a killed process loses
            no more than that.
        queue_size: rows, >= 1, that may wait; beyond it the oldest are dropped and counted.
        retention_days: days, > 0, after which history is deleted.
        restore: at start, put operators' orders and circuit states back that still hold.
    """

    TITLE: ClassVar[str] = "journal"
    CHECKS: ClassVar[Mapping[str, Check]] = {
        "enabled": flag,
        "url": text,
        "batch_size": whole,
        "flush_interval": seconds,
        "queue_size": whole,
        "retention_days": _days,
        "restore": flag,
    }

    enabled: bool | None = None
    url: str | None = None
    batch_size: int = 100
    flush_interval: float = 5.0
    queue_size: int = 10_000
    retention_days: float = 30.0
    restore: bool = True

    @property
    def is_on(self) -> bool:
        """Whether anything is kept."""
        return self.url is not None if self.enabled is None else self.enabled

    @property
    def address(self) -> str:
        """The URL in force."""
        return self.url or DEFAULT_URL

    @property
    def retention(self) -> float:
        """Seconds after which history is deleted."""
        return self.retention_days * DAY
