"""What a person sees of a rush: a live view in a terminal, else a line per second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from resilience.demo.rush import (
    CROWD,
    LENGTH,
    TARGET,
    Figures,
    Phase,
    Visit,
    line,
    percent,
    phase_at,
)
from resilience.demo.screen import milliseconds, shown

_BAR = 30  # characters
_WIDTH = 78  # of the whole view
_RECENT = 4000  # visits, as far back as an answer can have taken

COLOURS = {Phase.CALM: "green", Phase.RUSH: "red", Phase.AFTER: "green"}
SAID = {
    Phase.CALM: "as many visitors as ever",
    Phase.RUSH: f"{CROWD:g} times as many visitors",
    Phase.AFTER: "as many visitors as ever again",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """A rush as it is seen.

    Args:
        rate: visitors a second, but for the rush.
        guarded: whether the shop has resilience.
        clock: tells the seconds since the beginning.
        visits: those that have been answered.
    """

    rate: float
    guarded: bool
    clock: Callable[[], float]
    visits: list[Visit] = field(default_factory=list)

    def done(self, begin: float, end: float) -> list[Visit]:
        """Return the visits that were answered in a span of seconds after the beginning."""
        return [each for each in self.visits[-_RECENT:] if begin <= each.done < end]


async def live(scene: Scene, console: Console) -> None:
    """Show a picture of the scene until cancelled."""
    await shown(lambda: picture(scene), console)


async def lines(scene: Scene, stream: TextIO) -> None:
    """Print a line each second until cancelled."""
    second = 1
    while True:
        await asyncio.sleep(max(0.0, second - scene.clock()))
        done = scene.done(second - 1.0, second)
        print(line(done, second, scene.guarded), file=stream, flush=True)
        second += 1


def picture(scene: Scene) -> RenderableType:
    """Return the live view."""
    now = min(max(scene.clock(), 0.0), LENGTH)
    return Group(_timeline(now), Text(), _answers(scene, now))


def _timeline(now: float) -> Text:
    bar = Text(f"{now:5.1f} / {LENGTH:g} s  ")
    for step in range(_BAR):
        at = (step + 0.5) / _BAR * LENGTH
        colour = COLOURS[phase_at(at)]
        bar.append("━" if at <= now else "─", style=colour if at <= now else f"dim {colour}")
    phase = phase_at(now)
    return Text("\n").join([bar, Text(SAID[phase], style=f"bold {COLOURS[phase]}")])


def _answers(scene: Scene, now: float) -> Table:
    name = "with resilience" if scene.guarded else "without"
    table = Table("in the last second", name, box=None, width=_WIDTH, header_style="bold")
    done, most = scene.done(now - 1.0, now), scene.rate * CROWD
    for title, number, colour in _counted(done):
        length = min(30, round(30 * number / most))
        bar = Text(f"{number:>4} ").append("█" * length, style=colour)
        table.add_row(Text(title, style=colour), bar)
    told = Figures.of(done)
    late = told.p95 is not None and told.p95 > TARGET
    table.add_row()
    table.add_row("orders taken", percent(told.orders))
    table.add_row(
        f"p95, target {milliseconds(TARGET)}",
        Text(milliseconds(told.p95), style="red" if late else "green"),
    )
    return table


def _counted(done: Sequence[Visit]) -> list[tuple[str, int, str]]:
    served = [each for each in done if each.served]
    bare = sum(each.what == "shop" and not each.extras for each in served)
    away = sum(each.status == 503 for each in done)
    return [
        ("served in full", len(served) - bare, "green"),
        ("served without extras", bare, "yellow"),
        ("turned away", away, "magenta"),
        ("failed", len(done) - len(served) - away, "red"),
    ]


def summary(runs: Sequence[Sequence[tuple[str, str]]], title: str) -> RenderableType:
    """Return the figures of a rush, side by side where there is a baseline.

    Args:
        runs: `[(what, figure), …]` of each shop, in the same order.
        title: what the rush was.
    """
    table = Table(box=None)
    table.add_column()
    for name in ("with resilience", "without")[: len(runs)]:
        table.add_column(name, justify="right")
    for each in zip(*runs, strict=True):
        table.add_row(each[0][0], *[figure for _, figure in each])
    return Group(Text(title, style="bold"), table)
