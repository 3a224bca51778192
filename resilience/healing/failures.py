"""Failures, as the healer hears of them."""

from __future__ import annotations

from dataclasses import dataclass

from resilience.clock import Clock
from resilience.core.categories import SEVERITIES, UNKNOWN, category_of
from resilience.core.checks import one_of, text
from resilience.healing.settings import category as checked_category
from resilience.notify import shortened, tellable

severity = one_of(*SEVERITIES)
"""Check that a value is one of the severities."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure.

    Args:
        component: what failed.
        name: which part of it, or what was being done.
        category: one of `CATEGORIES`: what kind of trouble it is.
        severity: one of `SEVERITIES`: how much it matters.
        error: what was raised, in one line without credentials; never the exception itself,
            whose frames would stay alive.
        at: wall-clock time, seconds since 1970-01-01 UTC.
        monotonic: seconds on the system's monotonic clock.
    """

    component: str
    name: str
    category: str
    severity: str
    error: str
    at: float
    monotonic: float

    @classmethod
    def of(  # noqa: PLR0917 - a failure in the order it is told
        cls,
        component: str,
        name: str,
        error: BaseException | str,
        severity_: str,
        category: str | None,
        clock: Clock,
    ) -> Failure:
        """Return the record of an exception, or of what is wrong in words.

        Raises:
            ConfigurationError: an unknown severity or category, a name that is no text, or an
                error that is neither an exception nor words.
        """
        error = tellable(error)
        if category is None:
            found = UNKNOWN if isinstance(error, str) else category_of(error)
        else:
            found = checked_category("failure", category)
        return cls(
            text("component", component),
            text("failure name", name),
            found,
            severity("severity", severity_),
            shortened(error),
            clock.time(),
            clock.monotonic(),
        )


def worse(one: str, other: str) -> str:
    """Return the severity that matters more."""
    return max(one, other, key=SEVERITIES.index)
