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

from resilience.demo import screen, summary
from resilience.demo.beside import run_beside
from resilience.demo.plan import OUTAGE, DemoError, Plan
from resilience.demo.programs import Programs
from resilience.demo.report import notes, outcome, problems
from resilience.demo.stage import Shop, Stage, close_all, environment, examples
from resilience.demo.traffic import Traffic
from resilience.demo.watch import Watcher

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
        self._tell("Starting the upstream and the shop …")
        shops = await stage.open()
        if self._plan.serve:
            self._tell_addresses(shops)
        await run_beside(self._acts(shops), *self._helpers(shops, programs))
        for shop in shops:
            await shop.upstream.count()
        self._conclude(shops)
        await close_all(shops)
        if self._plan.serve:
            self._tell_addresses(shops)
            self._tell("Everything keeps running; Ctrl-C ends it.")
            await programs.watch()

    def _helpers(self, shops: list[Shop], programs: Programs) -> list[Coroutine[Any, Any, None]]:
        scene = screen.Scene(self._plan, shops, lambda: self._loop_time() - self._begin)
        shown = (
            screen.live(scene, self._out)
            if self._out.is_terminal and not self._out.is_dumb_terminal and not self._plan.as_json
            else screen.lines(scene, self._stream)
        )
        # The beginning is the same moment on both clocks.
        self._begin, on_the_wall = self._loop_time(), time.time()
        helpers: list[Coroutine[Any, Any, None]] = [programs.watch(), shown]
        for shop in shops:
            shop.circuits.begin = on_the_wall
            helpers += [Watcher(shop.url, shop.token, shop.circuits).run(), shop.upstream.run()]
        return helpers

    async def _acts(self, shops: list[Shop]) -> None:
        plan = self._plan
        async with asyncio.TaskGroup() as group:
            for shop in shops:
                group.create_task(Traffic(shop.url, plan, shop.tally).run(self._begin))
            await self._until(plan.breaks_at)
            await asyncio.gather(*[shop.upstream.tell(OUTAGE) for shop in shops])
            await self._until(plan.mends_at)
            await asyncio.gather(*[shop.upstream.tell({}) for shop in shops])
            await self._until(plan.duration)
        await asyncio.sleep(screen.FRAME)  # the last second is to be seen, too

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, self._begin + at - self._loop_time()))

    def _conclude(self, shops: list[Shop]) -> None:
        outcomes = [outcome(shop, self._plan) for shop in shops]
        found = list(problems(shops, self._plan))
        self._status = 1 if found else 0
        if self._plan.as_json:
            names = ("resilience", "baseline")
            runs = {name: each.document() for name, each in zip(names, outcomes, strict=False)}
            verdict = {"sound": not found, "problems": found, "notes": list(notes(shops))}
            print(json.dumps({**verdict, **self._planned(), **runs}), flush=True)
        else:
            summary.print_summary(self._out, self._plan, outcomes)
            for note in notes(shops):
                self._tell(f"Note: {note}")
            for problem in found:
                self._tell(f"Not sound: {problem}")

    def _planned(self) -> dict[str, Any]:
        plan = self._plan
        return {
            "framework": plan.framework,
            "duration_seconds": plan.duration,
            "requests_per_second": plan.rate,
            "breaks_at_seconds": plan.breaks_at,
            "mends_at_seconds": plan.mends_at,
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
