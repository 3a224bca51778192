"""A run of the demo, from the first process to the last line."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Coroutine
from typing import Any, TextIO

import httpx2
from rich.console import Console

from resilience.demo import overload, rush, rush_screen, screen, summary
from resilience.demo.beside import run_beside
from resilience.demo.plan import OUTAGE, DemoError, Plan
from resilience.demo.programs import Programs
from resilience.demo.report import notes, outcome, problems
from resilience.demo.stage import Shop, Stage, close_all, environment, examples
from resilience.demo.traffic import Traffic
from resilience.demo.watch import Watcher

_NAMES = ("resilience", "baseline")
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(plan: Plan) -> int:
    """Do what the plan says; return the exit status, 0 only if the run was sound.

    Raises:
        DemoError: it cannot be done.
    """
    return asyncio.run(_Run(plan).perform())


class _Run:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._out = Console(highlight=False)
        # With --json stdout is for the one object; people read stderr.
        self._stream: TextIO = sys.stderr if plan.as_json else sys.stdout
        self._begin = 0.0  # on the loop's clock
        self._ended_by: int | None = None
        self._status: int | None = None  # once the acts are over
        self._problems: list[str] = []
        self._notes: list[str] = []
        self._document: dict[str, Any] = {}

    async def perform(self) -> int:
        """Start everything, play, and end everything, whatever happens."""
        self._listen_for_endings()
        folder = examples()
        with Programs(environment(self._plan, folder), str(folder)) as programs:
            stage = Stage(self._plan, programs)
            try:
                await self._play(stage, programs)
            except asyncio.CancelledError:
                if self._ended_by is None:
                    raise
            except httpx2.TransportError as error:
                _say_who_died(programs)
                raise DemoError(f"a program does not answer: {error!r}", 1) from error
            finally:
                stage.close()
        if self._status is not None:
            return self._status
        return 128 + (self._ended_by or 0)

    def _listen_for_endings(self) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def end(number: int) -> None:
            self._ended_by = number
            task.cancel()

        for number in _ENDINGS:
            loop.add_signal_handler(number, end, number)

    async def _play(self, stage: Stage, programs: Programs) -> None:
        plan = self._plan
        self._tell("Starting the upstream and the shop …")
        shops = await stage.open() if plan.serve or "outage" in plan.acts else []
        if plan.serve:
            self._tell_addresses(shops)
        if "outage" in plan.acts:
            await self._outage(shops, programs)
        if "rush" in plan.acts:
            await self._rush(stage)
        self._conclude()
        await close_all(shops)
        if plan.serve:
            self._tell_addresses(shops)
            self._tell("Everything keeps running; Ctrl-C ends it.")
            await programs.watch()

    async def _outage(self, shops: list[Shop], programs: Programs) -> None:
        await run_beside(self._acts(shops), *self._helpers(shops, programs))
        for shop in shops:
            await shop.upstream.count()
            await shop.orders.read()
        outcomes = [outcome(shop, self._plan) for shop in shops]
        self._problems += problems(shops, self._plan)
        self._notes += notes(shops)
        for name, each in zip(_NAMES, outcomes, strict=False):
            self._document[name] = each.document()
        if not self._plan.as_json:
            summary.print_summary(self._out, self._plan, shops, outcomes)

    async def _rush(self, stage: Stage) -> None:
        plan = self._plan
        if plan.framework != "flask":
            self._notes.append("the rush is for a shop whose threads run out: a Flask one")
            return
        self._tell("Starting a shop for the rush …")
        runs = [await overload.play(stage, plan, self._show_rush, guarded=True)]
        if plan.baseline:
            runs.append(await overload.play(stage, plan, self._show_rush, guarded=False))
        self._problems += rush.problems(runs[0])
        found = [rush.figures(visits) for visits in runs]
        self._document["rush"] = {
            name: {span: figures.document() for span, figures in each.items()}
            for name, each in zip(_NAMES, found, strict=False)
        }
        if not plan.as_json:
            rows = [list(rush.rows(each)) for each in found]
            self._out.print(rush_screen.summary(rows, rush.title(plan)))

    async def _show_rush(self, scene: rush_screen.Scene) -> None:
        if self._is_live:
            await rush_screen.live(scene, self._out)
        else:
            await rush_screen.lines(scene, self._stream)

    def _helpers(self, shops: list[Shop], programs: Programs) -> list[Coroutine[Any, Any, None]]:
        scene = screen.Scene(self._plan, shops, lambda: self._loop_time() - self._begin)
        shown = (
            screen.live(scene, self._out) if self._is_live else screen.lines(scene, self._stream)
        )
        # The beginning is the same moment on both clocks.
        self._begin, on_the_wall = self._loop_time(), time.time()
        helpers: list[Coroutine[Any, Any, None]] = [programs.watch(), shown]
        for shop in shops:
            shop.circuits.begin = on_the_wall
            helpers += [Watcher(shop.url, shop.token, shop.circuits).run(), shop.upstream.run()]
        return helpers

    @property
    def _is_live(self) -> bool:
        """Whether there is a terminal to draw on."""
        out = self._out
        return out.is_terminal and not out.is_dumb_terminal and not self._plan.as_json

    async def _acts(self, shops: list[Shop]) -> None:
        plan = self._plan
        async with asyncio.TaskGroup() as group:
            for shop in shops:
                group.create_task(Traffic(shop.url, plan, shop.tally).run(self._begin))
            await self._until(plan.breaks_at)
            await asyncio.gather(*[shop.upstream.tell(OUTAGE) for shop in shops])
            await self._until(plan.mends_at)
            await asyncio.gather(*[shop.upstream.tell({}) for shop in shops])
            await self._until(plan.cuts_at)
            await asyncio.gather(*[shop.orders.disturb(self._is_spared) for shop in shops])
            await self._until(plan.duration)
        await asyncio.sleep(screen.FRAME)  # the last second is to be seen, too

    def _is_spared(self) -> bool:
        return self._loop_time() - self._begin >= self._plan.spares_at

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, self._begin + at - self._loop_time()))

    def _conclude(self) -> None:
        self._status = 1 if self._problems else 0
        if self._plan.as_json:
            verdict = {
                "sound": not self._problems,
                "problems": self._problems,
                "notes": self._notes,
            }
            print(json.dumps({**verdict, **self._planned(), **self._document}), flush=True)
            return
        for note in self._notes:
            self._tell(f"Note: {note}")
        for problem in self._problems:
            self._tell(f"Not sound: {problem}")

    def _planned(self) -> dict[str, Any]:
        plan = self._plan
        return {
            "framework": plan.framework,
            "acts": list(plan.acts),
            "duration_seconds": plan.duration,
            "requests_per_second": plan.rate,
            "breaks_at_seconds": plan.breaks_at,
            "mends_at_seconds": plan.mends_at,
            "cuts_at_seconds": plan.cuts_at,
            "spares_at_seconds": plan.spares_at,
        }

    def _tell_addresses(self, shops: list[Shop]) -> None:
        for shop in shops:
            for each in summary.addresses(shop):
                self._tell(each)

    def _tell(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    @staticmethod
    def _loop_time() -> float:
        return asyncio.get_running_loop().time()


def _say_who_died(programs: Programs) -> None:
    """Raise what a lost connection is the echo of, if a program turns out to have ended."""
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        programs.check()
        time.sleep(0.02)
