"""What a fleet is told, checked when it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from resilience.core.checks import flag, seconds, text
from resilience.core.section import Check, Section
from resilience.errors import ConfigurationError

SCHEMES = ("redis", "rediss", "unix", "valkey", "valkeys", "sqlite", "postgresql", "postgres")


def _address(setting: str, value: Any) -> str:
    given = text(setting, value, longest=1000)
    if given.partition("://")[0].partition("+")[0] not in SCHEMES or "://" not in given:
        # What stands before "://" only: the rest may hold a password.
        scheme = given.partition("://")[0][:40]
        raise ConfigurationError(
            f"{setting} begins with {scheme!r}; it must be one of redis://, rediss:// (TLS), "
            f"redis+sentinel://, redis+cluster://, unix://, valkey://, valkeys://, sqlite:/// or "
            f"postgresql://"
        )
    return given


@dataclass(frozen=True, slots=True)
class FleetSettings(Section):
    """Whether and where the workers of an app share what they know.

    Args:
        url: of the Redis or Valkey they share, with its password if it has one; or of a SQLite
            file for the workers of one host, or PostgreSQL. None: the workers of one server that
            share a journal's file agree through one beside it, others are each on its own.
        share: False: with no `url` each worker is on its own, also where they share a journal.
        prefix: with which all keys begin; one for each app and environment.
        timeout: seconds, > 0, after which an exchange is given up; no call ever waits for one.
        quarantine: a worker whose circuits are open while the fleet's are closed leaves the
            rotation: its `/health/ready` says so for half a minute. At most a third do.
    """

    TITLE: ClassVar[str] = "fleet"
    CHECKS: ClassVar[Mapping[str, Check]] = {
        "url": _address,
        "share": flag,
        "prefix": text,
        "timeout": seconds,
        "quarantine": flag,
    }

    url: str | None = None
    share: bool = True
    prefix: str = "resilience"
    timeout: float = 0.25
    quarantine: bool = False
