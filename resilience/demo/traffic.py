"""Steady traffic: requests leave when they are due, whether or not earlier ones are answered."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import httpx2

from resilience.demo.measure import Kind, Sample, Tally, kind_of
from resilience.demo.plan import Plan

PATIENCE = 10.0  # seconds after which a user leaves
USERS = ("ann", "bob", "cem", "dora", "eli", "fay", "gus", "hana", "ivo", "jun")
SKUS = ("mug", "assam", "honey", "sencha", "teapot")
MIX = (
    "shop", "shop", "prices", "shop", "order", "shop", "prices", "shop", "shop", "prices",
    "shop", "order", "shop", "prices", "shop", "shop", "prices", "shop", "order", "shop",
)  # fmt: skip
"""What twenty requests in a row ask for; evenly spread, so that every second has its share."""


class Traffic:
    """The users of one shop.

    Args:
        url: the shop's address.
        plan: how many requests a second, and for how long.
        tally: where they are counted.
    """

    def __init__(self, url: str, plan: Plan, tally: Tally) -> None:
        self._url = url
        self._plan = plan
        self._tally = tally

    async def run(self, begin: float) -> None:
        """Send what is due from `begin`, on the loop's clock, on; return when all is answered."""
        async with client_of(self._url) as client, asyncio.TaskGroup() as users:
            await self._send_all(client, users, begin)

    async def _send_all(
        self, client: httpx2.AsyncClient, users: asyncio.TaskGroup, begin: float
    ) -> None:
        clock = asyncio.get_running_loop().time
        for number in count():
            at = number / self._plan.rate
            if at >= self._plan.duration:
                return
            await asyncio.sleep(max(0.0, begin + at - clock()))
            users.create_task(self._ask(client, number, begin, at))

    async def _ask(self, client: httpx2.AsyncClient, number: int, begin: float, at: float) -> None:
        status, kind = None, Kind.FAILED
        try:
            async with asyncio.timeout_at(begin + at + PATIENCE):
                answer = await client.request(*request_of(number), **body_of(number))
            headers = answer.headers
            status = answer.status_code
            kind = kind_of(status, headers.get("X-Degraded", ""), headers.get("Retry-After"))
        except (httpx2.TransportError, TimeoutError):
            pass  # no answer is a failed one
        took = asyncio.get_running_loop().time() - begin - at
        self._tally.add(Sample(at, took, kind, status, order_of(number)))


async def warm(url: str) -> None:
    """Let a few users in before the clock runs: what workers import on first use is not measured.

    Args:
        url: the shop's address.
    """
    async with client_of(url) as client, asyncio.timeout(PATIENCE):
        for number in range(-len(MIX), 0):  # orders are no orders of the run's
            await client.request(*request_of(number), **body_of(number))


def client_of(url: str) -> httpx2.AsyncClient:
    """Return what sends requests as strangers do, each on a connection of its own."""
    return httpx2.AsyncClient(
        base_url=url,
        # A connection for each request: each may reach any worker, as those of strangers do.
        limits=httpx2.Limits(max_connections=500, max_keepalive_connections=0),
        timeout=None,  # each request has a deadline of its own
        trust_env=False,
        headers={"Connection": "close", "Accept": "application/json"},
    )


def request_of(number: int) -> tuple[str, str]:
    """Return the method and path of a request."""
    match MIX[number % len(MIX)]:
        case "order":
            return "POST", "/orders"
        case "prices":
            return "GET", "/api/prices"
        case _:
            return "GET", f"/api/shop/{USERS[number % len(USERS)]}"


def order_of(number: int) -> str:
    """Return the number of the order that a request is; "": it is none."""
    return f"demo-{number}" if MIX[number % len(MIX)] == "order" else ""


def body_of(number: int) -> dict[str, Any]:
    """Return the body of a request, if it has one."""
    order = order_of(number)
    if not order:
        return {}
    return {"json": {"sku": SKUS[number % len(SKUS)], "order": order}}
