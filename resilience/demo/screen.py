"""What a person sees while the demo runs: a live view in a terminal, else a line per second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from resilience.demo.database import Database
from resilience.demo.measure import Kind, Sample, kinds, percentile
from resilience.demo.plan import CIRCUITS, OUTAGE, Act, Plan
from resilience.demo.stage import Shop

FRAME = 0.25  # seconds between two pictures
RECENT = 3.0  # seconds that p50 and p99 look back
_BAR = 30  # characters
_WIDTH = 78  # of the whole view

COLOURS = {
    Kind.FRESH: "green",
    Kind.STALE: "yellow",
    Kind.FALLBACK: "dark_orange",
    Kind.REJECTED: "magenta",
    Kind.FAILED: "red",
}
STATES = {"closed": ("●", "green"), "open": ("○", "red"), "half_open": ("◐", "yellow")}
SAID = {
    Act.HEALTHY: "all is well",
    Act.SICK: "the upstream is sick: "
    + ", ".join(f"{path.strip('/')} {behaviour['mode']}" for path, behaviour in OUTAGE.items()),
    Act.MENDED: "the upstream is well again",
    Act.CUT: "customers order, and their database is in trouble: ",
    Act.WELL: "all is well again",
}


TROUBLE = (Act.SICK, Act.CUT)


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to see.

    Args:
        plan: what the run does, and when.
        shops: what runs.
        clock: tells the seconds since the beginning.
    """

    plan: Plan
    shops: list[Shop]
    clock: Callable[[], float]


async def live(scene: Scene, console: Console) -> None:
    """Show a picture of the scene until cancelled."""
    await shown(lambda: picture(scene), console)


async def shown(draw: Callable[[], RenderableType], console: Console) -> None:
    """Show what `draw()` gives, several times a second, until cancelled."""
    with Live(console=console, auto_refresh=False, transient=True) as view:
        while True:
            view.update(draw(), refresh=True)
            await asyncio.sleep(FRAME)


async def lines(scene: Scene, stream: TextIO) -> None:
    """Print a line each second until cancelled."""
    second = 1
    while True:
        await asyncio.sleep(max(0.0, second - scene.clock()))
        for shop in scene.shops:
            print(line(scene, shop, second), file=stream, flush=True)
        second += 1


def line(scene: Scene, shop: Shop, second: int) -> str:
    """Return what a shop's users got in the second that ends at `second`."""
    done = shop.tally.done(second - 1.0, second)
    told = " ".join(f"{kind} {number:<3}" for kind, number in kinds(done).items())
    return (
        f"{second:>3} s {scene.plan.act(second - 1.0):<7} {_name(shop):<15} {told} "
        f"p99 {milliseconds(percentile(done, 0.99)):>8}  sick calls {shop.upstream.sick_calls:<4}"
        + (f" open {_open(shop)}" if shop.guarded else "")
    ).rstrip()


def picture(scene: Scene) -> RenderableType:
    """Return the live view."""
    now = min(scene.clock(), scene.plan.duration)
    return Group(
        _timeline(scene.plan, now, scene.shops[0].orders.database),
        Text(),
        _circuits(scene.shops[0]),
        Text(),
        _answers(scene, now),
    )


def _timeline(plan: Plan, now: float, database: Database) -> Text:
    bar = Text(f"{now:5.1f} / {plan.duration:g} s  ")
    for step in range(_BAR):
        at = (step + 0.5) / _BAR * plan.duration
        colour = "red" if plan.act(at) in TROUBLE else "green"
        bar.append("━" if at <= now else "─", style=colour if at <= now else f"dim {colour}")
    act = plan.act(now)
    trouble = database.trouble if act is Act.CUT else ""
    said = Text(SAID[act] + trouble, style="bold red" if act in TROUBLE else "bold green")
    return Text("\n").join([bar, said])


def _circuits(shop: Shop) -> Table:
    table = Table("circuits", *CIRCUITS, box=None, width=_WIDTH, header_style="bold")
    for worker, states in shop.circuits.workers(time.time()).items():
        shown = [_state(states[name]) for name in CIRCUITS]
        table.add_row(Text(f"worker {worker}"), *shown)
    return table


def _state(state: str) -> Text:
    sign, colour = STATES.get(state, ("◌", "cyan"))
    return Text(f"{sign} {state.replace('_', '-')}", style=colour)


def _answers(scene: Scene, now: float) -> Table:
    titles = [_name(shop) for shop in scene.shops]
    table = Table("answers in the last second", *titles, box=None, width=_WIDTH,
                  header_style="bold")  # fmt: skip
    last = [kinds(shop.tally.done(now - 1.0, now)) for shop in scene.shops]
    for kind in Kind:
        bars = [_bar(counted[kind], scene.plan.rate, COLOURS[kind]) for counted in last]
        table.add_row(Text(kind, style=COLOURS[kind]), *bars)
    recent = [shop.tally.done(now - RECENT, now) for shop in scene.shops]
    table.add_row()
    table.add_row(f"p50 / p99 of {RECENT:g} s", *[_percentiles(each) for each in recent])
    table.add_row("calls to the sick upstream", *_sick_calls(scene.shops))
    table.add_row("connections to orders hit", *[str(shop.orders.hit) for shop in scene.shops])
    return table


def _bar(number: int, most: float, colour: str) -> Text:
    length = min(20, round(20 * number / most))
    return Text(f"{number:>4} ").append("█" * length, style=colour)


def _percentiles(samples: list[Sample]) -> str:
    return " / ".join(milliseconds(percentile(samples, share)) for share in (0.5, 0.99))


def _sick_calls(shops: list[Shop]) -> list[str]:
    return [str(shop.upstream.sick_calls) for shop in shops]


def _name(shop: Shop) -> str:
    return "with resilience" if shop.guarded else "without"


def _open(shop: Shop) -> str:
    """Return how many circuits are not closed, of how many."""
    states = [
        state for each in shop.circuits.workers(time.time()).values() for state in each.values()
    ]
    return f"{sum(state != 'closed' for state in states)}/{len(states)}"


def milliseconds(seconds: float | None) -> str:
    """Return seconds as people read short times; "-" for none."""
    return "-" if seconds is None else f"{seconds * 1000:,.0f} ms"
