"""What a person reads when the demo is over."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from resilience.demo.database import Database
from resilience.demo.measure import Kind
from resilience.demo.plan import OUTAGE, Act, Plan
from resilience.demo.report import Outcome
from resilience.demo.stage import Shop

Cell = Callable[[Outcome], str]


def print_summary(console: Console, plan: Plan, shops: list[Shop], outcomes: list[Outcome]) -> None:
    """Print the figures, side by side where there is a baseline."""
    console.print(_title(plan, shops[0].orders.database), style="bold", soft_wrap=True)
    table = Table(box=None)
    table.add_column()
    for title in ("with resilience", "without")[: len(outcomes)]:
        table.add_column(title, justify="right")
    for label, cell in ROWS:
        table.add_row(label, *[cell(each) for each in outcomes])
    console.print(table)


def addresses(shop: Shop) -> list[str]:
    """Return lines that tell where everything is, and how to break it."""
    control = f"{shop.upstream.url}/behaviour"
    token = shop.token
    return [
        f"The shop:      {shop.url}/" + ("" if shop.guarded else "  (without resilience)"),
        f"Its health:    curl -H 'Authorization: Bearer {token}' {shop.url}/health",
        f"The upstream:  {shop.upstream.url}  (counts: {shop.upstream.url}/counts)",
        *[
            f"Break it:      curl -X PUT {control} -d "
            f'\'{{"mode": "{behaviour["mode"]}", "path": "{path}"}}\''
            for path, behaviour in OUTAGE.items()
        ],
        f'Mend it:       curl -X PUT {control} -d \'{{"mode": "answer"}}\'',
        f"Its orders:    {shop.orders.url}",
    ]


def _title(plan: Plan, database: Database) -> str:
    return (
        f"{plan.duration:g} s at {plan.rate:g} requests a second; "
        f"the upstream sick from {plan.breaks_at:g} to {plan.mends_at:g} s; "
        f"{database.trouble} from {plan.cuts_at:g} to {plan.spares_at:g} s ({database.name})"
    )


def _number(kind: Kind) -> Cell:
    return lambda outcome: str(outcome.answers[kind])


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def _latency(act: Act) -> Cell:
    def cell(outcome: Outcome) -> str:
        times = outcome.latency[act].values()
        return " / ".join("-" if each is None else f"{each * 1000:,.0f} ms" for each in times)

    return cell


ROWS: list[tuple[str, Cell]] = [
    ("requests", lambda outcome: str(outcome.requests)),
    *[(f"  {kind}", _number(kind)) for kind in Kind],
    ("5xx to users", lambda outcome: str(outcome.rejected + outcome.failed)),
    ("  rejected at once, 503", lambda outcome: str(outcome.rejected)),
    ("  failed", lambda outcome: str(outcome.failed)),
    ("calls that reached the sick upstream", lambda outcome: str(outcome.sick_calls)),
    ("time to open all circuits", lambda outcome: _seconds(outcome.time_to_open)),
    ("time to recover", lambda outcome: _seconds(outcome.time_to_recover)),
    ("orders sent while that was done", lambda outcome: str(outcome.orders.sent)),
    ("  connections hit", lambda outcome: str(outcome.orders.connections_cut)),
    ("  orders lost", lambda outcome: str(outcome.orders.lost)),
    *[(f"p50 / p99 while {act}", _latency(act)) for act in Act],
]
