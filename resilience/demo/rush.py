"""The rush: more visitors than the shop can serve in full, and what they got. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Any

from resilience.demo.plan import Plan

TARGET = 0.4  # seconds, within which 95 % of answers are to come
CROWD = 2.5
"""How many times more visitors than before come in the rush."""

_CALM, _RUSH, _AFTER = 2.0, 5.0, 5.0  # seconds
_SETTLING = 2.5  # seconds of the rush that the shop has to find out what it can do


class Phase(StrEnum):
    """How many visitors there are."""

    CALM = "calm"
    RUSH = "rush"
    AFTER = "after"


BOUNDS = {
    Phase.CALM: (0.0, _CALM),
    Phase.RUSH: (_CALM, _CALM + _RUSH),
    Phase.AFTER: (_CALM + _RUSH, _CALM + _RUSH + _AFTER),
}
"""When each phase begins and ends, in seconds after the beginning."""

LENGTH = BOUNDS[Phase.AFTER][1]


def phase_at(at: float) -> Phase:
    """Return the phase at `at` seconds after the beginning."""
    return next((phase for phase, (_, end) in BOUNDS.items() if at < end), Phase.AFTER)


def dues(rate: float) -> Iterator[float]:
    """Yield when requests are due, in seconds after the beginning.

    Args:
        rate: requests a second, but for the rush.
    """
    for phase, (begin, end) in BOUNDS.items():
        often = rate * CROWD if phase is Phase.RUSH else rate
        for number in range(round((end - begin) * often)):
            yield begin + number / often


def slowness(rate: float) -> dict[str, dict[str, object]]:
    """Return how the upstream takes its time, so that the shop is two thirds busy at `rate`.

    Recommendations take most of it: without them there is room for several times more.
    """
    scale = 40.0 / rate
    seconds = {"/prices": 0.02, "/recommendations": 0.15, "/payments": 0.03}
    return {
        path: {"mode": "answer", "latency": round(latency * scale, 4)}
        for path, latency in seconds.items()
    }


def shop_settings() -> dict[str, str]:
    """Return the shop's environment: what it aims at; a slow upstream is none that is sick."""
    slow = {
        f"RESILIENCE__CIRCUITS__{name}__SLOW_CALL_DURATION": "5"
        for name in ("PRICES", "RECOMMENDATIONS")
    }
    return {
        "SHOP_TARGET": str(TARGET),
        "UPSTREAM_TIMEOUT": "5",
        "RESILIENCE__WEB__LONGEST_WAIT": str(TARGET),
        **slow,
    }


@dataclass(frozen=True, slots=True)
class Visit:
    """One request.

    Args:
        at: when it was due, in seconds after the beginning.
        took: seconds from then to the end of its answer.
        what: "order", "prices" or "shop".
        status: the HTTP status; None: there was no answer.
        extras: whether the answer had recommendations, which only a shop's page has.
    """

    at: float
    took: float
    what: str
    status: int | None
    extras: bool = False

    @property
    def done(self) -> float:
        """When it was answered, in seconds after the beginning."""
        return self.at + self.took

    @property
    def served(self) -> bool:
        """Whether it was answered as asked."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of some visits.

    Args:
        visits: how many there were.
        served: those that were answered as asked.
        turned_away: those that were answered 503.
        failed: all others.
        orders: the share, 0-1, of orders that were taken; None: there were none.
        extras: the share, 0-1, of served pages that had recommendations; None: there were none.
        p95: seconds within which 95 % of those served were; None: none was.
    """

    visits: int
    served: int
    turned_away: int
    failed: int
    orders: float | None
    extras: float | None
    p95: float | None

    @classmethod
    def of(cls, visits: Sequence[Visit]) -> Figures:
        """Return what came of visits."""
        served = [each for each in visits if each.served]
        away = sum(each.status == 503 for each in visits)
        return cls(
            len(visits),
            len(served),
            away,
            len(visits) - len(served) - away,
            _share([each.served for each in visits if each.what == "order"]),
            _share([each.extras for each in served if each.what == "shop"]),
            _p95([each.took for each in served]),
        )

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "visits": self.visits,
            "served": self.served,
            "turned_away": self.turned_away,
            "failed": self.failed,
            "orders_taken_share": _rounded(self.orders),
            "extras_share": _rounded(self.extras),
            "p95_seconds": _rounded(self.p95),
        }


def figures(visits: Sequence[Visit]) -> dict[str, Figures]:
    """Return what came of each phase, of the rush once the shop knew what to do, and of the end."""
    _, rush_ends = BOUNDS[Phase.RUSH]
    spans: dict[str, tuple[float, float]] = {
        **{str(phase): bounds for phase, bounds in BOUNDS.items()},
        "settled": (BOUNDS[Phase.RUSH][0] + _SETTLING, rush_ends),
        "end": (LENGTH - 2.0, LENGTH),
    }
    return {
        name: Figures.of([each for each in visits if begin <= each.at < end])
        for name, (begin, end) in spans.items()
    }


def problems(visits: Sequence[Visit]) -> Iterator[str]:
    """Yield what makes a rush unsound, as sentences; limits are wide, for machines are slow."""
    found = figures(visits)
    calm, settled, end = found["calm"], found["settled"], found["end"]
    if calm.p95 is None or calm.p95 > TARGET or calm.served < 0.95 * calm.visits:
        yield "this machine is too slow for the rush, while all was calm: give a lower --rate"
        return
    if (settled.orders or 0.0) < 0.9:
        yield f"only {percent(settled.orders)} of the orders were taken in the rush"
    if settled.served < 0.7 * settled.visits:
        yield f"only {settled.served} of {settled.visits} visitors were served in the rush"
    if settled.extras is not None and settled.extras > 0.9:
        yield "the shop kept its extras in the rush, and should not have had the time"
    if end.served < 0.9 * end.visits or (end.extras or 0.0) <= (settled.extras or 0.0):
        yield "the shop did not come back when the rush was over"


def line(visits: Sequence[Visit], second: int, guarded: bool) -> str:
    """Return what visitors got in the second that ends at `second`."""
    told = Figures.of([each for each in visits if second - 1 <= each.done < second])
    p95 = "-" if told.p95 is None else f"{told.p95 * 1000:,.0f} ms"
    name = "with resilience" if guarded else "without"
    return (
        f"{second:>3} s {phase_at(second - 1.0):<7} {name:<15} served {told.served:<4} "
        f"turned away {told.turned_away:<4} failed {told.failed:<4} "
        f"extras {percent(told.extras):>5} orders {percent(told.orders):>5}  p95 {p95:>8}"
    )


def rows(found: dict[str, Figures]) -> Iterator[tuple[str, str]]:
    """Yield what a person reads of a rush: what it is, and the figure."""
    for name, title in (("calm", "calm"), ("settled", "in the rush"), ("end", "at the end")):
        told = found[name]
        p95 = "-" if told.p95 is None else f"{told.p95 * 1000:,.0f} ms"
        yield (
            f"{title}: served / turned away / failed",
            (f"{told.served} / {told.turned_away} / {told.failed}"),
        )
        yield (
            f"{title}: orders taken, pages with extras",
            (f"{percent(told.orders)}, {percent(told.extras)}"),
        )
        yield f"{title}: p95", p95


def title(plan: Plan) -> str:
    """Return what the rush was."""
    return (
        f"the rush: {plan.rate:g} visitors a second, {plan.rate * CROWD:g} from "
        f"{_CALM:g} to {_CALM + _RUSH:g} s, target p95 {TARGET * 1000:g} ms"
    )


def _share(of: Sequence[bool]) -> float | None:
    return sum(of) / len(of) if of else None


def _p95(times: Sequence[float]) -> float | None:
    return sorted(times)[ceil(0.95 * len(times)) - 1] if times else None


def percent(share: float | None) -> str:
    """Return a share as people read it; "-" for none."""
    return "-" if share is None else f"{share:.0%}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
