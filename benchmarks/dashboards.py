"""What a thousand open dashboards cost guarded calls: `python -m benchmarks.dashboards`.

One worker serves an app with 50 circuits: uvicorn, which streams, and gunicorn's threads, which are
polled. A client makes a request every 20 ms whose view makes a guarded call, without and with a
thousand dashboards open. These do what the page's script does in tabs that somebody looks at: they
listen to a stream of boards, or fetch one as often as the server lets them. Once a second a circuit
is forced open or released.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.hello import served
from resilience import System

DASHBOARDS, CIRCUITS, SECONDS = 1000, 50, 20.0
LARGEST = 1 << 20  # bytes of a board
PAUSE = 0.02  # seconds between two requests

_BOARD = b"GET /resilience/?part=board HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
_STREAM = b"GET /resilience/api/stream?part=board HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_THREADS = ["--worker-class", "gthread", "--workers", "1", "--threads", "8"]
SERVERS = {
    "uvicorn": ["uvicorn", "--port", "0", "--no-access-log", "--factory",
                "benchmarks.dashboards:starlette_app"],
    "gunicorn": ["gunicorn", "--bind", "127.0.0.1:0", "--no-control-socket", *_THREADS,
                 "--keep-alive", "60", "--worker-connections", "2500",
                 "benchmarks.dashboards:flask_app()"],
}  # fmt: skip
"""`{server: its command}`"""


class Times(NamedTuple):
    """How guarded calls fared.

    Args:
        call: what half of the guarded calls took in the worker, in microseconds.
        p50: what half of the requests took, in milliseconds.
        p99: what 99 of 100 of them took.
        cpu: the share of one core that the worker was busy, 0-1.
        looks: boards that came, a second.
    """

    call: float
    p50: float
    p99: float
    cpu: float
    looks: float


def busy_system() -> System:
    """Return a system with circuits that have seen calls."""
    system = System({"health": {"alert_channels": []}})
    circuits = [system.circuits.get(f"circuit-{number}") for number in range(CIRCUITS)]
    for second in range(60):
        for number, circuit in enumerate(circuits):
            for _ in range((number + second) % 5 + 1):
                circuit.call(int)
        system.recent.look()
    return system


def timed_call(system: System) -> str:
    """Make a guarded call; return how many nanoseconds it took."""
    circuit = system.circuits["circuit-1"]
    began = time.perf_counter_ns()
    circuit.call(int)
    return str(time.perf_counter_ns() - began)


def flip(system: System) -> str:
    """Force a circuit open, or release it."""
    circuit = system.circuits["circuit-0"]
    if circuit.snapshot().forced:
        circuit.release()
    else:
        circuit.force_open("benchmark")
    return str(os.getpid())


def starlette_app() -> Any:
    """Return the app that uvicorn serves."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse

    from resilience_starlette import Resilience

    app, system = Starlette(), busy_system()

    async def call(_: Request) -> PlainTextResponse:
        return PlainTextResponse(timed_call(system))

    async def turn(_: Request) -> PlainTextResponse:
        return PlainTextResponse(flip(system))

    app.add_route("/call", call)
    app.add_route("/flip", turn)
    Resilience(app, system=system, authorize=lambda _: "benchmark")
    return app


def flask_app() -> Any:
    """Return the app that gunicorn serves."""
    from flask import Flask

    from resilience_flask import Resilience

    app, system = Flask("dashboards"), busy_system()
    app.add_url_rule("/call", "call", lambda: timed_call(system))
    app.add_url_rule("/flip", "flip", lambda: flip(system))
    Resilience(app, system=system, authorize=lambda _: "benchmark")
    return app


def measure(port: int, seconds: float, looks: Any) -> Times:
    """Make guarded calls for some time, and return how they fared."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        return _measured(connection, seconds, looks)


def _measured(connection: http.client.HTTPConnection, seconds: float, looks: Any) -> Times:
    worker = int(_ask(connection, "/flip"))
    _ask(connection, "/flip")
    calls, taken = [], []
    began, busy, looked, next_flip = time.monotonic(), _cpu(worker), looks.value, 1.0
    while (gone := time.monotonic() - began) < seconds:
        asked = time.perf_counter()
        calls.append(int(_ask(connection, "/call")) / 1e3)
        taken.append((time.perf_counter() - asked) * 1e3)
        if gone > next_flip:
            _ask(connection, "/flip")
            next_flip += 1.0
        time.sleep(PAUSE)
    calls.sort()
    taken.sort()
    half, most = len(taken) // 2, len(taken) * 99 // 100
    cpu, seen = (_cpu(worker) - busy) / gone, (looks.value - looked) / gone
    return Times(calls[half], taken[half], taken[most], cpu, seen)


def _ask(connection: http.client.HTTPConnection, path: str) -> bytes:
    connection.request("GET", path)
    reply = connection.getresponse()
    body = reply.read()
    if reply.status != 200:
        raise RuntimeError(f"{path}: {reply.status}")
    return body


def _cpu(pid: int) -> float:
    """Return the seconds of CPU time that a process has used (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def open_dashboards(port: int, number: int, streamed: bool) -> Iterator[Any]:
    """Have so many dashboards open, in a process of its own; give the number of looks."""
    context = multiprocessing.get_context("spawn")
    looks, ready = context.Value("q", 0), context.Event()
    crowd = context.Process(target=_crowd, args=(port, number, streamed, looks, ready))
    crowd.start()
    try:
        if not ready.wait(120):
            raise RuntimeError("the dashboards did not open")
        yield looks
        if not crowd.is_alive():
            raise RuntimeError("the dashboards have not stayed open")
    finally:
        crowd.terminate()
        crowd.join()


def _crowd(port: int, number: int, streamed: bool, looks: Any, ready: Any) -> None:
    asyncio.run(_Crowd(port, streamed, looks).open(number, ready))


class _Crowd:
    """Tabs that show the dashboard, as a browser would."""

    def __init__(self, port: int, streamed: bool, looks: Any) -> None:
        self._port, self._looks = port, looks
        self._tab = self._listen if streamed else self._poll
        self._there = asyncio.Semaphore(0)
        self._opening = asyncio.Semaphore(20)

    async def open(self, number: int, ready: Any) -> None:
        """Open so many, and say so when each has seen a board."""
        tabs = [asyncio.ensure_future(self._tab()) for _ in range(number)]
        for _ in range(number):
            await self._there.acquire()
        ready.set()
        await asyncio.gather(*tabs)

    async def _listen(self) -> None:
        async with self._opening:
            reader, _writer = await self._asked(_STREAM)
            await self._board(reader)
        self._there.release()
        while True:
            await self._board(reader)

    async def _board(self, reader: asyncio.StreamReader) -> None:
        while await reader.readline() != b"event: board\n":
            if reader.at_eof():
                raise RuntimeError("the stream ended")
        self._looks.value += 1

    async def _poll(self) -> None:
        async with self._opening:
            wait = await self._look()
        self._there.release()
        while True:
            await asyncio.sleep(wait)
            wait = await self._look()

    async def _look(self) -> float:
        """Fetch a board; return when to fetch the next one. Browsers drop idle connections, too."""
        reader, writer = await self._asked(_BOARD)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.read()
        writer.close()
        self._looks.value += 1
        return float(head.partition("x-resilience-wait: ")[2].partition("\r\n")[0])

    async def _asked(self, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=LARGEST)
        writer.write(request)
        return reader, writer


def main(arguments: Sequence[str] | None = None) -> int:
    """Print how guarded calls fare without and with dashboards open."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboards", description=__doc__)
    parser.add_argument(
        "--servers", default=",".join(SERVERS), help="some of " + ", ".join(SERVERS)
    )
    parser.add_argument("--dashboards", type=int, default=DASHBOARDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
    options = parser.parse_args(arguments)
    print(f"{'':<34}{'call':>9}{'p50':>9}{'p99':>9}{'worker':>8}{'looks':>8}")
    print(f"{'':<34}{'µs':>9}{'ms':>9}{'ms':>9}{'of 1':>8}{'a s':>8}")
    for name in options.servers.split(","):
        with served(SERVERS[name]) as port:
            none = multiprocessing.Value("q", 0)
            _show(f"{name}, no dashboard", measure(port, options.seconds, none))
            with open_dashboards(port, options.dashboards, name == "uvicorn") as looks:
                told = measure(port, options.seconds, looks)
            _show(f"{name}, {options.dashboards} dashboards", told)
    return 0


def _show(label: str, times: Times) -> None:
    call, p50, p99, cpu, looks = times
    print(f"{label:<34}{call:>9.2f}{p50:>9.2f}{p99:>9.2f}{cpu:>8.2f}{looks:>8.1f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
