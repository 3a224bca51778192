"""What experiments may do, checked when it is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from resilience.core.checks import flag, seconds, text, whole
from resilience.core.names import did_you_mean
from resilience.core.section import Check, Section
from resilience.errors import ConfigurationError

FAULTS = ("latency", "error", "outage", "exhaustion", "corrupt", "clock_skew")
"""The kinds of faults, as settings and files name them."""

DURATION = 60.0
"""Seconds of an experiment, unless somebody says."""


def _faults(setting: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigurationError(f"{setting}={value!r}: give a list of {', '.join(FAULTS)}")
    given = tuple(value)
    for each in given:
        if each not in FAULTS:
            raise ConfigurationError(
                f"{setting}: unknown fault {each!r}{did_you_mean(each, FAULTS)}"
            )
    return given


@dataclass(frozen=True, slots=True)
class ChaosSettings(Section):
    """What experiments may do here.

    Args:
        enabled: False: every experiment is refused.
        safe_mode: refuse to run in production without `allow_production`, or while the app is
            not at its normal level; abort when a circuit outside the target opens, or the level
            reaches minimal. A broken steady state aborts in any case.
        allowed_faults: the kinds of faults that may be injected.
        max_concurrent: experiments at once, >= 1; never two on one target.
        default_duration: seconds, > 0 and at most `max_duration`, of a file's or page's
            experiment that does not say.
        max_duration: seconds, > 0, that none is longer than.
        require_approval: somebody else than who asks has to approve each run. None: only in
            production.
        production: whether this is production. None: as one of the variables `RESILIENCE_ENV`,
            `APP_ENV`, `ENVIRONMENT`, `FLASK_ENV`, `DJANGO_ENV` says ("production", "prod").
        allow_production: experiments may run in production.
        check_interval: seconds, > 0, between two looks at the steady state.
        tenant_header: the request header that names the tenant, for `match`.
    """

    TITLE: ClassVar[str] = "chaos"
    CHECKS: ClassVar[Mapping[str, Check]] = {
        "enabled": flag,
        "safe_mode": flag,
        "allowed_faults": _faults,
        "max_concurrent": whole,
        "default_duration": seconds,
        "max_duration": seconds,
        "require_approval": flag,
        "production": flag,
        "allow_production": flag,
        "check_interval": seconds,
        "tenant_header": text,
    }

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        most = self.max_duration
        if self.default_duration > most and self.default_duration != DURATION:
            raise ConfigurationError(
                f"chaos: default_duration={self.default_duration:g}: give at most max_duration, "
                f"{most:g} s"
            )

    @property
    def usual_duration(self) -> float:
        """Seconds of an experiment that does not say: a shorter `max_duration` goes first."""
        return min(self.default_duration, self.max_duration)

    enabled: bool = False
    safe_mode: bool = True
    allowed_faults: tuple[str, ...] = FAULTS
    max_concurrent: int = 1
    default_duration: float = DURATION
    max_duration: float = 600.0
    require_approval: bool | None = None
    production: bool | None = None
    allow_production: bool = False
    check_interval: float = 1.0
    tenant_header: str = "X-Tenant"
