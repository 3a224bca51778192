"""What type checkers see of health; checked, never run."""

from collections.abc import Mapping
from typing import assert_type

from resilience import (
    CheckResult,
    Event,
    HealthReport,
    HealthSettings,
    Settings,
    System,
    disk_check,
    http_check,
    redis_check,
    sql_check,
    system,
)
from resilience.health.builtin import BuiltIn
from resilience.health.checks import Check
from resilience.health.report import CheckHealth, ComponentHealth, Snapshot
from resilience.health.results import CheckRecord, Status
from resilience.health.trend import Trend


@system.health.check("postgres", component="database", criticality="critical", interval=5.0)
def postgres() -> bool:
    """Look."""
    return True


@system.health.check("cache", timeout=1)
async def cache() -> CheckResult:
    """Look."""
    return CheckResult("warn", "slow", observed_value=3.5, observed_unit="s")


@system.health.check
def bare() -> None:
    """Look."""


@system.health.alert
def page(event: Event) -> int:
    """Tell somebody."""
    return 1


assert_type(postgres(), bool)
assert_type(bare(), None)
assert_type(system.health.check("http", http_check("http://127.0.0.1/")), BuiltIn)
assert_type(sql_check("default"), BuiltIn)
assert_type(redis_check(object()), BuiltIn)
assert_type(disk_check("/", warn_at=0.5), BuiltIn)


async def reading(own: System) -> None:
    """Reports have types all the way down."""
    assert_type(await cache(), CheckResult)
    report = own.health.report()
    assert_type(report, HealthReport)
    assert_type(report.status, Status)
    assert_type(report.trend, Trend | None)
    assert_type(report.components, Mapping[str, ComponentHealth])
    assert_type(report.components["database"].checks, tuple[CheckHealth, ...])
    assert_type(own.health.score(), float)
    assert_type(own.health.score("database"), float | None)
    assert_type(own.health.history(), list[Snapshot])
    assert_type(own.health.history("database"), list[CheckRecord])
    assert_type(own.health.verify("database"), bool | None)
    assert_type(await own.health.verify_async("database"), bool | None)
    assert_type(own.health.checks, tuple[Check, ...])
    assert_type(own.host.memory_share(), float | None)
    assert_type(own.host.loop_lag(), float | None)
    assert_type(Settings(health=HealthSettings(interval=1.0)).health, HealthSettings)


def needy(client: object) -> bool:
    """Want something."""
    return client is not None


# Mistakes are found.
system.health.check("needy")(needy)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
system.health.check("it", bare, intervall=5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
system.health.check("it", interval="5")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
system.health.history(7)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
CheckResult(observed_value=[1])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
