"""What a run amounts to, and whether it was sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from resilience.demo.measure import Kind, kinds, percentile
from resilience.demo.plan import FAILURES_TO_OPEN, WORKERS, Act, Plan
from resilience.demo.stage import Shop

TOO_SLOW = 0.1  # seconds for half of the answers, which take a tenth of it on a slow machine


@dataclass(frozen=True, slots=True)
class Outcome:
    """One shop's run; times in seconds, None where what they tell did not happen.

    Args:
        requests: how many were sent.
        answers: how many of each kind came back.
        rejected: answers 503 with `Retry-After`: an open circuit's.
        failed: answers 5xx of any other kind, and requests without an answer.
        sick_calls: calls that reached the upstream while it was sick.
        time_to_open: from the break until the last circuit of the last worker opened.
        time_to_recover: from the mending until all were closed and a fresh answer had come.
        latency: `{act: {"p50": …, "p99": …}}` of the requests due in it.
        orders: what became of the orders.
    """

    requests: int
    answers: dict[Kind, int]
    rejected: int
    failed: int
    sick_calls: int
    time_to_open: float | None
    time_to_recover: float | None
    latency: dict[Act, dict[str, float | None]]
    orders: OrdersOutcome

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "requests": self.requests,
            "answers": {str(kind): number for kind, number in self.answers.items()},
            "server_errors": {
                "rejected": self.rejected,
                "failed": self.failed,
                "total": self.rejected + self.failed,
            },
            "sick_upstream_calls": self.sick_calls,
            "time_to_open_seconds": _rounded(self.time_to_open),
            "time_to_recover_seconds": _rounded(self.time_to_recover),
            "latency_seconds": {
                str(act): {name: _rounded(value) for name, value in times.items()}
                for act, times in self.latency.items()
            },
            "orders": self.orders.document(),
        }


@dataclass(frozen=True, slots=True)
class OrdersOutcome:
    """What became of a shop's orders.

    Args:
        kept_in: the database.
        connections_cut: how many, while customers ordered; or how often a file was locked.
        sent: orders that were due meanwhile.
        failed: those that were answered by an error, or not at all.
        unwritten: those of the whole run that were confirmed, and are not in the book.
    """

    kept_in: str
    connections_cut: int
    sent: int
    failed: int
    unwritten: int

    @property
    def lost(self) -> int:
        """Orders that a customer sent, or was told to have sent, in vain."""
        return self.failed + self.unwritten

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**asdict(self), "lost": self.lost}


def outcome(shop: Shop, plan: Plan) -> Outcome:
    """Return what a shop's run amounts to."""
    samples = shop.tally.samples
    answers = kinds(samples)
    return Outcome(
        requests=len(samples),
        answers=answers,
        rejected=answers[Kind.REJECTED],
        failed=sum(
            each.kind is Kind.FAILED and (each.status is None or each.status >= 500)
            for each in samples
        ),
        sick_calls=shop.upstream.sick_calls,
        time_to_open=time_to_open(shop, plan),
        time_to_recover=time_to_recover(shop, plan),
        latency={act: _latency(shop, act, plan) for act in Act},
        orders=_orders(shop, plan),
    )


def _orders(shop: Shop, plan: Plan) -> OrdersOutcome:
    sent = [each for each in shop.tally.due(Act.CUT, plan) if each.order]
    confirmed = {each.order for each in shop.tally.samples if each.order and each.status == 201}
    return OrdersOutcome(
        kept_in=shop.orders.database.name,
        connections_cut=shop.orders.hit,
        sent=len(sent),
        failed=sum(each.kind is Kind.FAILED for each in sent),
        unwritten=len(confirmed - shop.orders.confirmed),
    )


def time_to_open(shop: Shop, plan: Plan) -> float | None:
    """Return the seconds from the break until the last circuit of the last worker opened."""
    opened = shop.circuits.opened
    return max(opened.values()) - plan.breaks_at if opened else None


def time_to_recover(shop: Shop, plan: Plan) -> float | None:
    """Return the seconds from the mending until all was as before.

    With guards: every circuit closed again, and a fresh answer. Without: an answer.
    """
    fresh = shop.tally.first(Kind.FRESH, plan.mends_at)
    if fresh is None or set(shop.circuits.closed) != set(shop.circuits.opened):
        return None
    return max(fresh, *shop.circuits.closed.values(), plan.mends_at) - plan.mends_at


def problems(shops: list[Shop], plan: Plan) -> Iterator[str]:
    """Yield what makes a run unsound, as sentences; a sound one yields none."""
    for shop in shops:
        which = "" if shop.guarded else "without resilience: "
        for problem in _problems(shop, plan):
            yield which + problem


def notes(shops: list[Shop]) -> Iterator[str]:
    """Yield what is worth knowing of a run, and no fault of it: in a short one chance has a say."""
    for shop in shops:
        for worker, name in _never_opened(shop) if shop.guarded else ():
            if (failures := shop.circuits.failures[worker, name]) < FAILURES_TO_OPEN:
                yield (
                    f"circuit {name} of worker {worker} stayed closed: of the failures only "
                    f"{failures} came to it, and {FAILURES_TO_OPEN} open it"
                )


def _never_opened(shop: Shop) -> list[tuple[str, str]]:
    return [each for each in shop.circuits.failures if each not in shop.circuits.opened]


def _problems(shop: Shop, plan: Plan) -> Iterator[str]:
    # Those in flight when it broke are none of the healthy ones.
    healthy = [each for each in shop.tally.samples if each.done < plan.breaks_at]
    if _is_spoilt(kinds(healthy)):
        yield f"too few answers were fresh while all was well: {_told(kinds(healthy))}"
    if (percentile(healthy, 0.5) or 0.0) > TOO_SLOW:
        yield "this machine is too slow for the traffic, while all was well: give a lower --rate"
    if len(shop.circuits.known) != WORKERS:
        yield f"{len(shop.circuits.known)} workers were seen, and {WORKERS} started"
    if not shop.orders.hit:
        yield "no connection to the orders was cut"
    if shop.guarded:
        yield from _circuit_problems(shop, plan)
        yield from _order_problems(_orders(shop, plan))
    elif shop.circuits.opened:
        yield "a circuit opened where none should be in force"


def _circuit_problems(shop: Shop, plan: Plan) -> Iterator[str]:
    opened, recovered = time_to_open(shop, plan), time_to_recover(shop, plan)
    if opened is None:
        yield "no circuit opened"
    for worker, name in _never_opened(shop):
        if shop.circuits.failures[worker, name] >= FAILURES_TO_OPEN:
            yield f"circuit {name} of worker {worker} should have opened"
    if opened is not None and min(shop.circuits.opened.values()) < plan.breaks_at:
        yield "a circuit opened before the break"
    if opened is not None and recovered is None:
        yield "not all was as before at the end"
    if recovered is not None:
        since = plan.mends_at + recovered
        late = kinds(each for each in shop.tally.samples if each.at > since)
        if _is_spoilt(late):
            yield f"too few answers were fresh after the recovery: {_told(late)}"


def _order_problems(orders: OrdersOutcome) -> Iterator[str]:
    if orders.failed:
        yield f"{orders.failed} of {orders.sent} orders failed while connections were cut"
    if orders.unwritten:
        yield f"{orders.unwritten} orders were confirmed, and are not in the book"


def _is_spoilt(counted: dict[Kind, int]) -> bool:
    """Tell whether fewer than 99 % were fresh; a busy machine may be late for one in a hundred."""
    return counted[Kind.FRESH] < 0.99 * sum(counted.values())


def _told(counted: dict[Kind, int]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in counted.items() if number)


def _latency(shop: Shop, act: Act, plan: Plan) -> dict[str, float | None]:
    due = shop.tally.due(act, plan)
    return {"p50": percentile(due, 0.5), "p99": percentile(due, 0.99)}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
