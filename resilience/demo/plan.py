"""What a run of the demo is to do, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

WORKERS = 2
CIRCUITS = ("prices", "recommendations", "payment")
FAILURES_TO_OPEN = 3  # as storefront.watch has it
FULL_LENGTH = 25.0  # seconds that the shop's own circuit settings suit

OUTAGE: Mapping[str, Mapping[str, object]] = {
    "/prices": {"mode": "hang"},
    "/recommendations": {"mode": "fail"},
    "/payments": {"mode": "hang"},
}
"""What breaks: two parts of the upstream hang, which is worse than failing, and one fails."""


class Act(StrEnum):
    """What goes on."""

    HEALTHY = "healthy"
    SICK = "sick"  # the upstream
    MENDED = "mended"
    CUT = "cut"  # the connections to the orders' database
    WELL = "well"


ACTS = ("outage", "rush")
"""What a run can show: an upstream that breaks, and more visitors than can be served."""


class DemoError(Exception):
    """The demo cannot go on; one line says why, more may show what a program said last.

    Args:
        message: one line.
        status: the exit status: 2 for what was asked wrongly or is missing, 1 for the rest.
    """

    def __init__(self, message: str, status: int = 2) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run.

    Args:
        framework: whose shop, one of `FRAMEWORKS`.
        duration: seconds of traffic.
        rate: requests a second, evenly spaced.
        port: the shop's port; 0 takes a free one.
        upstream_port: the upstream's port; 0 takes a free one.
        sqlite: keep orders in SQLite even where PostgreSQL can be started.
        baseline: run the same shop without resilience beside it.
        serve: keep everything running afterwards.
        acts: which of `ACTS` are played, in their order.
        as_json: print one JSON object, and nothing else, on stdout.
    """

    framework: str = "flask"
    duration: float = FULL_LENGTH
    rate: float = 40.0
    port: int = 0
    upstream_port: int = 0
    sqlite: bool = False
    baseline: bool = False
    serve: bool = False
    acts: tuple[str, ...] = ACTS
    as_json: bool = False

    @property
    def breaks_at(self) -> float:
        """Seconds after the beginning at which the upstream breaks."""
        return round(self.duration * 0.2, 6)  # 1.2 is 48 / 40, 6 * 0.2 a little more

    @property
    def mends_at(self) -> float:
        """Seconds after the beginning at which it is well again."""
        return round(self.duration * 0.6, 6)

    @property
    def cuts_at(self) -> float:
        """Seconds after the beginning from which on connections to the orders are cut."""
        return round(self.duration * 0.76, 6)

    @property
    def spares_at(self) -> float:
        """Seconds after the beginning from which on none is cut any more."""
        return round(self.duration * 0.92, 6)

    def act(self, at: float) -> Act:
        """Return the act at `at` seconds after the beginning."""
        return [act for act in Act if at >= self.bounds(act)[0]][-1] if at > 0 else Act.HEALTHY

    def bounds(self, act: Act) -> tuple[float, float]:
        """Return when an act begins and ends, in seconds after the beginning."""
        times = (
            0.0, self.breaks_at, self.mends_at, self.cuts_at, self.spares_at, self.duration
        )  # fmt: skip
        first = list(Act).index(act)
        return times[first], times[first + 1]

    def circuit_settings(self) -> dict[str, str]:
        """Return environment variables by which a shorter run waits shorter, too.

        It is the way in which anyone sets a circuit by name from outside.
        """
        share = min(1.0, self.duration / FULL_LENGTH)
        if share == 1.0:
            return {}
        waits = {"RESET_TIMEOUT": 2.0 * share, "RESET_TIMEOUT_MAX": 3.0 * share}
        return {
            f"RESILIENCE__CIRCUITS__{name.upper()}__{setting}": f"{seconds:.3f}"
            for name in CIRCUITS
            for setting, seconds in waits.items()
        }
