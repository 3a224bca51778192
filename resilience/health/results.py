"""What a check says: its answer, and the record that is kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any

from resilience.core.checks import one_of, text
from resilience.errors import ConfigurationError

LONGEST_OUTPUT = 200  # characters


class Status(StrEnum):
    """How something is: the words of draft-inadarei-api-health-check-06, and one more."""

    PASS = "pass"  # noqa: S105 - no password
    UNKNOWN = "unknown"
    WARN = "warn"
    FAIL = "fail"

    @property
    def rank(self) -> int:
        """Return 0 (good) to 3 (bad), for comparing."""
        return _RANKS[self]


_RANKS = {Status.PASS: 0, Status.UNKNOWN: 1, Status.WARN: 2, Status.FAIL: 3}
_status = one_of(*Status)

Observed = str | int | float | bool


def worst(*statuses: Status) -> Status:
    """Return the worst status of all; pass where there is none."""
    return max(statuses, key=_RANKS.__getitem__, default=Status.PASS)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found, where more is to be said than True or False.

    Args:
        status: "pass", "warn" (works, with a reservation), "fail", or "unknown".
        output: what people should know; cut to 200 characters.
        observed_value: what was measured: a text or number.
        observed_unit: its unit, such as "s" or "bytes".

    Raises:
        ConfigurationError: a field is none of what is allowed.
    """

    status: Status | str = Status.PASS
    output: str | None = None
    observed_value: Observed | None = None
    observed_unit: str | None = None

    def __post_init__(self) -> None:
        status = Status(_status("CheckResult: status", self.status))
        object.__setattr__(self, "status", status)  # frozen: a plain text becomes the enum
        if self.output is not None:
            object.__setattr__(self, "output", shortened(str(self.output)))
        if not _can_be_shown(self.observed_value):
            raise ConfigurationError(
                f"CheckResult: observed_value={self.observed_value!r}: "
                "give a text of at most 200 characters or a finite number"
            )
        if self.observed_unit is not None:
            text("CheckResult: observed_unit", self.observed_unit)


def _can_be_shown(value: Any) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, str):
        return len(value) <= LONGEST_OUTPUT
    return value is None or isinstance(value, int)


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """One result of one check, as it is kept in the history.

    Args:
        check: the check's name.
        component: the component it belongs to.
        status: what it found.
        at: when it ended, wall-clock seconds since 1970-01-01 UTC.
        monotonic: the same on the system's monotonic clock.
        latency: seconds it took, >= 0.
        output: what people should know, at most 200 characters; None: nothing.
        observed_value: what was measured; None: nothing.
        observed_unit: its unit; None: it has none.
    """

    check: str
    component: str
    status: Status
    at: float
    monotonic: float
    latency: float
    output: str | None = None
    observed_value: Observed | None = None
    observed_unit: str | None = None


def result_of(answer: Any) -> CheckResult:
    """Return what a check's return value means.

    None and True pass, False fails; a `CheckResult` says it itself. Anything else fails: a check
    that returns a connection or a number has most likely forgotten to look at it.
    """
    if answer is None or answer is True:
        return CheckResult()
    if answer is False:
        return CheckResult(Status.FAIL, "the check returned False")
    if isinstance(answer, CheckResult):
        return answer
    return CheckResult(
        Status.FAIL,
        f"the check returned {type(answer).__name__}: return None, True, False or a CheckResult",
    )


def shortened(words: str) -> str:
    """Return a text of at most 200 characters."""
    return words if len(words) <= LONGEST_OUTPUT else words[: LONGEST_OUTPUT - 1] + "…"
