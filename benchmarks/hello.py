"""What a request costs with all of ours around an app: `python -m benchmarks.hello [django]`.

Two servers serve the same view, which says hello and does nothing else; around one of them is all
of ours as it comes: passage, traffic, admission, deadline. Flask and Django are served by a
gunicorn worker, Starlette and FastAPI by uvicorn. Django has the middleware that `startproject`
gives it. A client asks both in turn over kept connections. Servers are started anew several times,
as two processes of the same program differ by more than what is measured.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from types import MappingProxyType
from typing import Any

from benchmarks import requests as views

STARTS, ROUNDS, REQUESTS = 7, 40, 30
TARGETS = {"flask": 1.05, "django": 1.05, "starlette": 1.25, "fastapi": 1.25}
"""The view with ours around it is to take no more than so many times the time of the bare one."""

_AROUND, _FRAMEWORK = "HELLO_WITH_RESILIENCE", "HELLO_FRAMEWORK"
_LISTENING = re.compile(r"(?:Listening at:|running on) http://127\.0\.0\.1:(\d+)")
_GUNICORN = ["gunicorn", "--bind", "127.0.0.1:0", "--no-control-socket", "--keep-alive", "60"]
_GUNICORN += ["--worker-class", "gthread", "--workers", "1", "--threads", "2"]
_GUNICORN += ["benchmarks.hello:create_app()"]
_UVICORN = ["uvicorn", "--port", "0", "--no-access-log", "--timeout-keep-alive", "60"]
_UVICORN += ["--factory", "benchmarks.hello:create_app"]
_SERVERS = {"flask": _GUNICORN, "django": _GUNICORN, "starlette": _UVICORN, "fastapi": _UVICORN}
_ROOT = Path(__file__).resolve().parents[1]


def create_app() -> Any:
    """Return the app that is served; the environment says which, and whether ours is around it."""
    make = FRAMEWORKS[os.environ.get(_FRAMEWORK, "flask")]
    return make(os.environ.get(_AROUND) == "1")


def flask_app(with_ours: bool) -> Any:
    """Return a Flask app with one view."""
    from flask import Flask

    app = Flask("hello")
    app.add_url_rule("/", "hello", lambda: "hello")
    if with_ours:
        from resilience_flask import Resilience

        Resilience(app)
    return app


def starlette_app(with_ours: bool) -> Any:
    """Return a Starlette app with one view."""
    return _wrapped(views.starlette_app(), with_ours)


def fastapi_app(with_ours: bool) -> Any:
    """Return a FastAPI app with one view."""
    return _wrapped(views.fastapi_app(), with_ours)


def _wrapped(app: Any, with_ours: bool) -> Any:
    if with_ours:
        from resilience_starlette import Resilience

        Resilience(app)
    return app


FRAMEWORKS: dict[str, Callable[[bool], Any]] = {
    "flask": flask_app,
    "django": views.django_app,
    "starlette": starlette_app,
    "fastapi": fastapi_app,
}
"""`{framework: what makes its app, with ours around it or bare}`"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a request took, in microseconds, as its client sees it.

    Args:
        bare: without ours.
        around: with it.
        ratio: the median of the ratios of each start.
    """

    bare: float
    around: float
    ratio: float


def measure(
    framework: str = "flask", starts: int = STARTS, rounds: int = ROUNDS, requests: int = REQUESTS
) -> Cost:
    """Return what a request costs.

    Args:
        framework: one of `FRAMEWORKS`.
        starts: how often the servers are started anew.
        rounds: how often each of them is asked.
        requests: how many requests a round has.
    """
    pairs = [_pair(framework, rounds, requests) for _ in range(starts)]
    return Cost(
        median(bare for bare, _ in pairs),
        median(around for _, around in pairs),
        median(around / bare for bare, around in pairs),
    )


def _pair(framework: str, rounds: int, requests: int) -> tuple[float, float]:
    with serving(framework, False) as bare, serving(framework, True) as around:
        for each in (bare, around):
            _ask(each, 50)
        times: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(rounds):
            times[False].append(_ask(bare, requests))
            times[True].append(_ask(around, requests))
    return median(times[False]), median(times[True])


def _ask(connection: http.client.HTTPConnection, requests: int) -> float:
    """Return the microseconds that a request took, of several."""
    began = perf_counter()
    for _ in range(requests):
        connection.request("GET", "/", headers={"Accept": "text/html,*/*", "User-Agent": "hello"})
        answer = connection.getresponse()
        if answer.status != 200 or b"hello" not in answer.read():
            raise RuntimeError(f"the server answered {answer.status}")
    return (perf_counter() - began) / requests * 1e6


@contextmanager
def serving(framework: str, with_ours: bool) -> Iterator[http.client.HTTPConnection]:
    """Give a connection to a server of the view."""
    variables = {_AROUND: "1" if with_ours else "0", _FRAMEWORK: framework}
    with served(_SERVERS[framework], variables) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        yield connection
        connection.close()


@contextmanager
def served(
    command: Sequence[str], variables: Mapping[str, str] = MappingProxyType({})
) -> Iterator[int]:
    """Run a server, a module that says where it listens; give its port."""
    server = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=_ROOT,
        env={**os.environ, **variables},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield _port(server)
    finally:
        server.terminate()
        server.communicate(timeout=30)


def _port(server: subprocess.Popen[Any]) -> int:
    assert server.stderr is not None
    said: list[str] = []
    for line in server.stderr:
        said.append(line)
        if found := _LISTENING.search(line):
            return int(found[1])
    raise RuntimeError("the server did not start:\n" + "".join(said))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what a request costs, and whether that is within the target."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hello", description=__doc__)
    parser.add_argument("framework", nargs="?", choices=sorted(FRAMEWORKS), default="flask")
    parser.add_argument("--starts", type=int, default=STARTS, help="of both servers")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="for each start")
    options = parser.parse_args(arguments)
    cost = measure(options.framework, options.starts, options.rounds)
    target = TARGETS[options.framework]
    met = "met" if cost.ratio <= target else "MISSED"
    print(f"hello from {options.framework:<27}{cost.bare:.0f} µs a request")
    print(f"the same with resilience around    {cost.around:.0f} µs")
    print(f"ratio                              {cost.ratio:.3f}  (at most {target}: {met})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
