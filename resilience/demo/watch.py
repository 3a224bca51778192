"""Watching a shop's workers from outside: their `/health`, and what reaches the upstream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from typing import Any

import httpx2

from resilience.demo.plan import CIRCUITS, WORKERS

INTERVAL = 0.1  # seconds between two looks
_GONE = 3.0  # seconds without an answer after which a worker is no longer shown

States = dict[str, str]
"""`{circuit: state}`"""


class Circuits:
    """What the circuits of all workers of one shop did; times in seconds after the beginning."""

    def __init__(self) -> None:
        self.begin = 0.0  # on the wall's clock
        self._seen: dict[str, float] = {}
        self._states: dict[str, States] = {}
        self.opened: dict[tuple[str, str], float] = {}  # first opening by (worker, circuit)
        self.failures: dict[tuple[str, str], int] = {}  # most that were counted at a time
        self.closed: dict[tuple[str, str], float] = {}  # since when; only those that were open

    def see(self, worker: str, checks: Mapping[str, Any], now: float) -> None:
        """Take up what a worker's `/health` says; `now` on the wall's clock."""
        self._seen[worker] = now
        states = self._states.setdefault(worker, {})
        for name in CIRCUITS:
            (check,) = checks[f"circuit:{name}"]
            states[name] = check["observedValue"]
            self._note((worker, name), check, now - self.begin)

    def workers(self, now: float) -> dict[str, States]:
        """Return what each worker's circuits do, of those that answered lately."""
        return {
            worker: states
            for worker, states in sorted(self._states.items())
            if now - self._seen[worker] < _GONE
        }

    @property
    def known(self) -> list[str]:
        """All workers there ever were."""
        return sorted(self._states)

    def _note(self, which: tuple[str, str], check: Mapping[str, Any], at: float) -> None:
        self.failures[which] = max(self.failures.get(which, 0), check.get("failures", 0))
        if "opened_at" in check:
            # The worker's own time: it is exact, and a look may come late.
            moment = datetime.fromisoformat(check["opened_at"]).timestamp()
            self.opened.setdefault(which, moment - self.begin)
        if which in self.opened and check["observedValue"] == "closed":
            self.closed.setdefault(which, at)
        else:
            self.closed.pop(which, None)


class Watcher:
    """Asks every worker of a shop how it is, on a connection that stays with that worker.

    Args:
        url: the shop's address.
        token: what opens the details of its `/health`.
        circuits: where the answers go.
    """

    def __init__(self, url: str, token: str, circuits: Circuits) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._circuits = circuits
        self._clients: dict[str, httpx2.AsyncClient] = {}  # by worker

    async def run(self) -> None:
        """Ask until cancelled."""
        async with AsyncExitStack() as clients:
            while True:
                await self.look(clients)
                await asyncio.sleep(INTERVAL)

    async def look(self, clients: AsyncExitStack) -> None:
        """Ask each known worker once; while some are unknown, whoever answers."""
        asked = [self._ask(worker, client) for worker, client in self._clients.items()]
        if len(self._clients) < WORKERS:
            client = httpx2.AsyncClient(
                base_url=self._url, headers=self._headers, trust_env=False, timeout=2.0
            )
            clients.push_async_callback(client.aclose)
            asked.append(self._ask(None, client))
        await asyncio.gather(*asked)

    async def _ask(self, expected: str | None, client: httpx2.AsyncClient) -> None:
        worker = None
        with suppress(httpx2.TransportError):
            answer = await client.get("/health")
            document = answer.json()
            worker = document["worker"]
            self._circuits.see(worker, document["checks"], time.time())
        if worker == expected:
            return
        if expected is not None:
            del self._clients[expected]
        if worker is None or worker in self._clients:
            await client.aclose()  # another try may reach the worker that is missing
        else:
            self._clients[worker] = client


async def until_ready(url: str, token: str) -> Circuits:
    """Return what all workers say, as soon as all have answered."""
    circuits = Circuits()
    watcher = Watcher(url, token, circuits)
    async with AsyncExitStack() as clients:
        while len(circuits.known) < WORKERS:
            await watcher.look(clients)
            await asyncio.sleep(INTERVAL / 2)
    return circuits
