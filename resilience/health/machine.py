"""Checks of the machine: disk, memory, and the app's event loop."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from resilience.core.checks import number, share
from resilience.errors import ConfigurationError
from resilience.health.builtin import BuiltIn
from resilience.health.results import CheckResult, Status
from resilience.telemetry.host import Host


def disk_check(
    path: str | os.PathLike[str] = "/", *, warn_at: float = 0.85, fail_at: float = 0.95
) -> BuiltIn:
    """Return a check of the space on the file system that `path` is on.

    Args:
        path: a file or directory on it.
        warn_at: share 0-1 in use from which it warns, less than `fail_at`.
        fail_at: share 0-1 in use from which it fails.

    Raises:
        ConfigurationError: a share out of range, or in the wrong order.
    """
    return _Disk(os.fspath(path), _Limits.of("disk_check", warn_at, fail_at, share))


def memory_check(*, warn_at: float = 0.85, fail_at: float = 0.95) -> BuiltIn:
    """Return a check of the memory that the container's limit, or the machine, leaves.

    Args:
        warn_at: share 0-1 in use from which it warns, less than `fail_at`.
        fail_at: share 0-1 in use from which it fails.

    Raises:
        ConfigurationError: a share out of range, or in the wrong order.
    """
    return _Memory(_Limits.of("memory_check", warn_at, fail_at, share))


def loop_lag_check(*, warn_at: float = 0.1, fail_at: float = 1.0) -> BuiltIn:
    """Return a check of how late the app's event loop is; passes where there is none.

    Args:
        warn_at: seconds of delay from which it warns, less than `fail_at`.
        fail_at: seconds of delay from which it fails.

    Raises:
        ConfigurationError: seconds out of range, or in the wrong order.
    """
    return _LoopLag(_Limits.of("loop_lag_check", warn_at, fail_at, number))


@dataclass(frozen=True)
class _Limits:
    """From where a number warns, and from where it fails."""

    warn_at: float
    fail_at: float

    @classmethod
    def of(
        cls, name: str, warn_at: Any, fail_at: Any, check: Callable[[str, Any], float]
    ) -> _Limits:
        """Return limits that are in order."""
        limits = cls(check(f"{name}: warn_at", warn_at), check(f"{name}: fail_at", fail_at))
        if limits.warn_at >= limits.fail_at:
            raise ConfigurationError(
                f"{name}: warn_at={warn_at!r} and fail_at={fail_at!r}: give warn_at < fail_at"
            )
        return limits

    def judge(self, value: float) -> Status:
        """Return what a number amounts to."""
        if value >= self.fail_at:
            return Status.FAIL
        return Status.WARN if value >= self.warn_at else Status.PASS


@dataclass(frozen=True)
class _Disk(BuiltIn):
    path: str
    limits: _Limits

    def look(self, limit: float, host: Host) -> CheckResult:
        """Compare the share in use."""
        disk = host.disk(self.path)
        return _share(self.limits, disk.share, f"{_bytes(disk.free)} free of {_bytes(disk.total)}")


@dataclass(frozen=True)
class _Memory(BuiltIn):
    limits: _Limits

    def look(self, limit: float, host: Host) -> CheckResult:
        """Compare the share in use."""
        memory = host.memory()
        if memory is None:
            return CheckResult(output="this system does not tell")
        used = f"{_bytes(memory.used)} of {_bytes(memory.limit)}"
        return _share(self.limits, memory.share, f"{used}, {_bytes(memory.rss)} by this process")


@dataclass(frozen=True)
class _LoopLag(BuiltIn):
    limits: _Limits

    def look(self, limit: float, host: Host) -> CheckResult:
        """Compare the delay."""
        lag = host.loop_lag()
        if lag is None:
            return CheckResult(output="no event loop drives this process")
        return CheckResult(self.limits.judge(lag), None, round(lag, 4), "s")


def _share(limits: _Limits, used: float, said: str) -> CheckResult:
    return CheckResult(limits.judge(used), said, round(100 * used, 1), "percent")


def _bytes(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
