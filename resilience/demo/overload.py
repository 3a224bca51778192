"""The act of the rush: a shop of its own, and more visitors than it can serve in full."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx2

from resilience.demo.beside import run_beside
from resilience.demo.plan import Plan
from resilience.demo.rush import Visit, dues, shop_settings, slowness
from resilience.demo.rush_screen import Scene
from resilience.demo.stage import Shop, Stage
from resilience.demo.traffic import MIX, PATIENCE, body_of, client_of, request_of

Show = Callable[[Scene], Coroutine[Any, Any, None]]
"""Shows a scene until cancelled."""


async def play(stage: Stage, plan: Plan, show: Show, *, guarded: bool) -> list[Visit]:
    """Return the visits of a rush on a shop that is started for it.

    Args:
        stage: what starts the shop.
        plan: how many visitors there are before and after.
        show: shows it to people.
        guarded: True for a shop with resilience.

    Raises:
        DemoError: a program ends by itself or is not ready in time.
    """
    settings = shop_settings() if guarded else {"UPSTREAM_TIMEOUT": "5"}
    shop = await stage.open_another(guarded, **settings)
    await shop.upstream.tell(slowness(plan.rate))
    clock = asyncio.get_running_loop().time
    begin = clock() + 0.2
    scene = Scene(plan.rate, guarded, lambda: clock() - begin)
    try:
        sending = _send_all(shop, plan, begin, scene.visits)
        await run_beside(sending, stage.watch(), show(scene))
    finally:
        await shop.upstream.close()
    return scene.visits


async def _send_all(shop: Shop, plan: Plan, begin: float, visits: list[Visit]) -> None:
    """Send what is due when it is due, whether or not earlier requests are answered."""
    clock = asyncio.get_running_loop().time
    async with client_of(shop.url) as client, asyncio.TaskGroup() as visitors:
        for number, at in enumerate(dues(plan.rate)):
            await asyncio.sleep(max(0.0, begin + at - clock()))
            visitors.create_task(_visit(client, number, begin, at, visits))


async def _visit(
    client: httpx2.AsyncClient, number: int, begin: float, at: float, visits: list[Visit]
) -> None:
    status, extras = None, False
    try:
        async with asyncio.timeout_at(begin + at + PATIENCE):
            answer = await client.request(*request_of(number), **body_of(number))
        status = answer.status_code
        extras = b'"recommendations":[]' not in answer.content.replace(b" ", b"")
    except (httpx2.TransportError, TimeoutError):
        pass  # no answer is a failed one
    took = asyncio.get_running_loop().time() - begin - at
    visits.append(Visit(at, took, MIX[number % len(MIX)], status, extras))
