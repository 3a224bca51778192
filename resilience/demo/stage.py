"""The stage: shops and their upstreams, started as real processes on loopback ports."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import socket
import sys
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import resilience
from resilience.demo.beside import run_beside
from resilience.demo.database import Orders, database_here
from resilience.demo.frameworks import FRAMEWORKS
from resilience.demo.measure import Tally
from resilience.demo.plan import WORKERS, DemoError, Plan
from resilience.demo.programs import Program, Programs
from resilience.demo.traffic import warm
from resilience.demo.upstreams import Upstream
from resilience.demo.watch import Circuits, until_ready

PATIENCE = 20.0  # seconds that all has to be ready within
_LISTENING = re.compile(r"listening on (http://\S+)")
_NOT_OURS = ("GUNICORN_CMD_ARGS", "SHOP_BASELINE", "SHOP_TARGET", "UPSTREAM_TIMEOUT")


@dataclass(slots=True)
class Shop:
    """A running shop, what is behind it, and what is known of all that.

    Args:
        guarded: True for the one with resilience.
        url: its address.
        token: what opens the details of its `/health`.
        upstream: the service behind it, of its own.
        orders: its book of orders.
    """

    guarded: bool
    url: str
    token: str
    upstream: Upstream
    orders: Orders
    tally: Tally = field(default_factory=Tally)
    circuits: Circuits = field(default_factory=Circuits)


def examples() -> Path:
    """Return the folder of the example projects: an installed wheel's own, else the checkout's.

    Raises:
        DemoError: there is neither.
    """
    package = Path(resilience.__file__).parent
    for folder in (package / "_examples", package.parent / "example_projects"):
        if (folder / "storefront").is_dir() and (folder / "flaky_upstream").is_dir():
            return folder
    raise DemoError(
        "the demo's example projects are missing: install the wheel of resilience-web, "
        "or run it in a checkout"
    )


def environment(plan: Plan, folder: Path) -> dict[str, str]:
    """Return the programs' environment: this one's, with the same packages in reach."""
    own = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
    package = Path(resilience.__file__).parent.parent
    paths = [str(folder), str(package), str(package / "integrations"), *sys.path[1:]]
    return {
        **own,
        **plan.circuit_settings(),
        "PYTHONPATH": os.pathsep.join(path for path in paths if Path(path).exists()),
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


class Stage:
    """Starts what a plan asks for; the ports stay taken until it is closed.

    Args:
        plan: what to start, and where.
        programs: what starts and ends processes.
    """

    def __init__(self, plan: Plan, programs: Programs) -> None:
        self._plan = plan
        self._programs = programs
        self._database = database_here(sqlite=plan.sqlite)
        self._opening = asyncio.Lock()
        self._books = 0
        self._ports = ExitStack()

    async def open(self) -> list[Shop]:
        """Return the shops, ready: the guarded one, and for a baseline the one without guards.

        Raises:
            DemoError: a port is taken, a program ends by itself or is not ready in time.
        """
        plan = self._plan
        if plan.port and plan.port == plan.upstream_port:
            raise DemoError(f"--port and --upstream-port are both {plan.port}: give two")
        shops = [self._shop(True, plan.port, plan.upstream_port)]
        if plan.baseline:
            shops.append(self._shop(False, 0, 0))
        return await self._in_time(shops)

    async def watch(self) -> None:
        """Look after all programs until cancelled."""
        await self._programs.watch()

    async def open_another(self, guarded: bool, **environ: str) -> Shop:
        """Return one more shop with an upstream of its own, ready; it has free ports.

        Args:
            guarded: True for one with resilience.
            environ: further variables of its environment.

        Raises:
            DemoError: a program ends by itself or is not ready in time.
        """
        [shop] = await self._in_time([self._shop(guarded, 0, 0, **environ)])
        return shop

    async def _in_time(self, shops: Sequence[Coroutine[Any, Any, Shop]]) -> list[Shop]:
        try:
            async with asyncio.timeout(PATIENCE):
                return await run_beside(_all(shops), self._programs.watch())
        except TimeoutError:
            raise DemoError(f"the programs were not ready within {PATIENCE:.0f} s", 1) from None

    def close(self) -> None:
        """Let the ports go, and remove the orders."""
        self._ports.close()
        self._database.close()

    async def _new_orders(self) -> Orders:
        """Return an empty book of orders."""
        async with self._opening:
            if not self._books:
                await self._database.open(self._programs)
            self._books += 1
            return await Orders.new(self._database, f"shop_{self._books}")

    async def _shop(self, guarded: bool, port: int, upstream_port: int, **environ: str) -> Shop:
        which = "" if guarded else " without resilience"
        _refuse_taken(upstream_port, "--upstream-port")
        upstream = self._programs.start(
            f"the upstream{which}", "flaky_upstream", "--port", str(upstream_port)
        )
        address = await _address(upstream)
        reserved = self._ports.enter_context(_reserve(port))
        bound, token = reserved.getsockname()[1], secrets.token_urlsafe()
        orders = await self._new_orders()
        self._programs.start(
            f"the shop{which}",
            *FRAMEWORKS[self._plan.framework].arguments(bound, WORKERS),
            UPSTREAM_URL=address,
            SHOP_HEALTH_TOKEN=token,
            SHOP_DATABASE=orders.url,
            **({} if guarded else {"SHOP_BASELINE": "1"}),
            **environ,
        )
        url = f"http://127.0.0.1:{bound}"
        circuits = await until_ready(url, token)
        await warm(url)
        return Shop(guarded, url, token, Upstream(address), orders, circuits=circuits)


async def _all(shops: Sequence[Coroutine[Any, Any, Shop]]) -> list[Shop]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(shop) for shop in shops]
    return [task.result() for task in tasks]


async def _address(upstream: Program) -> str:
    while not (found := _LISTENING.search(upstream.said())):  # noqa: ASYNC110 - a file tells nobody
        await asyncio.sleep(0.02)
    return found[1]


def _refuse_taken(port: int, option: str) -> None:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise DemoError(f"{option} {port} cannot be used: {reason}") from None


def _reserve(port: int) -> socket.socket:
    """Return a socket that holds a port for gunicorn's workers, without listening itself.

    They share it by SO_REUSEPORT; nobody else is given it meanwhile.
    """
    _refuse_taken(port, "--port")
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind(("127.0.0.1", port))
    return reserved


async def close_all(shops: list[Shop]) -> None:
    """Let the demo's own connections to the upstreams go."""
    for shop in shops:
        await shop.upstream.close()
