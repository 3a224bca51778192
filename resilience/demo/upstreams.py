"""The upstream's own control: breaking it, mending it, and asking what has reached it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httpx2

INTERVAL = 0.25  # seconds between two questions for counts


class Upstream:
    """A running upstream.

    Args:
        url: its address.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.sick_calls = 0  # calls that have reached it while it was told to misbehave
        self._client = httpx2.AsyncClient(base_url=url, trust_env=False, timeout=5.0)

    async def tell(self, outage: Mapping[str, Mapping[str, object]]) -> None:
        """Put a behaviour in force for each path of `outage`, and the right one for the rest."""
        await self._put({"mode": "answer"})
        for path, behaviour in outage.items():
            await self._put({"path": path, **behaviour})

    async def count(self) -> None:
        """Ask what has reached it."""
        answer = await self._client.get("/counts")
        self.sick_calls = int(answer.raise_for_status().json()["sick"])

    async def run(self) -> None:
        """Count until cancelled."""
        while True:
            with suppress(httpx2.TransportError):  # a program that died is said by who watches it
                await self.count()
            await asyncio.sleep(INTERVAL)

    async def close(self) -> None:
        """Let the connections go."""
        await self._client.aclose()

    async def _put(self, behaviour: dict[str, Any]) -> None:
        (await self._client.put("/behaviour", json=behaviour)).raise_for_status()
