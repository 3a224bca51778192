"""Apps with a dashboard, served for real on a loopback port."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import uvicorn
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette
from werkzeug.serving import make_server

from resilience import CheckResult, CircuitOpenError, Feature, System
from resilience.testing import FakeFleet, ManualClock
from resilience_flask import Resilience as FlaskResilience
from resilience_starlette import Resilience as StarletteResilience

LOOPBACK = "127.0.0.1"


def everybody(_: object) -> str:
    """Let in whoever comes, by one name."""
    return "ada"


def shop_system(settings: Mapping[str, Any] | None = None) -> System:
    """Return a system with a bit of everything."""
    system = System(settings)
    system.circuits.get("payments", failure_threshold=2, failure_rate=0.15, reset_timeout=600)
    system.circuits.get("prices", failure_threshold=2, min_calls=1)
    system.degradation.add(Feature("recommendations", priority=20))
    system.degradation.add(Feature("search", capability={"reduced": 40}))
    system.health.check("postgres", lambda: True, component="database", criticality="critical")
    system.health.check(
        "queue", lambda: CheckResult("warn", "1,204 jobs wait", 1204, "jobs"), component="queue"
    )
    return system


def with_history(folder: Path) -> System:
    """Return such a system whose journal has a minute's outage of ten minutes ago."""
    journal = {"journal": {"url": f"sqlite:///{folder}/journal.db"}}
    clock = ManualClock(wall=time.time() - 600)
    past = System(journal, clock=clock, random=Random(7))
    payments = past.circuits.get("payments", failure_rate=0.1, window=10.0, reset_timeout=20.0)
    for second in range(240):
        if second == 130:
            past.degradation.degrade("minimal", "payments are down", actor="ada", for_=60)
        for _ in range(10):
            with suppress(ConnectionError, CircuitOpenError):
                payments.call(_answer, fails=120 <= second < 180)
        clock.advance(1.0)
        past.tick()
    past.stop()
    return shop_system({**journal, "chaos": {"enabled": True, "require_approval": True}})


def _answer(*, fails: bool) -> None:
    if fails:
        raise ConnectionError("the bank refused the connection")


@contextmanager
def with_fleet(system: System) -> Iterator[System]:
    """Let a system be one of three workers, which share a store."""
    store = FakeFleet(system.runtime.clock)
    with ExitStack() as others:
        for name in ("checkout-2", "checkout-3"):
            other = System()
            other.fleet.use(store, worker=name)
            others.enter_context(other)
        system.fleet.use(store, worker="checkout-1")
        yield system


@contextmanager
def flask_dashboard(system: System) -> Iterator[str]:
    """Serve a Flask app by threads; give its address."""
    app = Flask("shop")
    FlaskResilience(app, system=system, authorize=everybody)
    server = make_server(LOOPBACK, 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.port}"
    finally:
        system.stop()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def starlette_dashboard(system: System, make: type[Starlette] = Starlette) -> Iterator[str]:
    """Serve an app by uvicorn; give its address."""
    app = make()
    StarletteResilience(app, system=system, authorize=everybody)
    with _by_uvicorn(app, system) as address:
        yield address


@contextmanager
def django_dashboard(system: System) -> Iterator[str]:
    """Serve a Django project by threads, with the dashboard where the others have it."""
    from tests.integrations.django_admin import project, served

    with project(system, RESILIENCE={"system": system, "authorize": everybody}):
        with served() as address:
            yield address
        system.stop()


@contextmanager
def django_admin_by_uvicorn(system: System) -> Iterator[str]:
    """Serve a Django project by uvicorn, with the dashboard in the admin; give its address."""
    from resilience_django.asgi import get_asgi_application
    from tests.integrations.django_admin import project

    with project(system), _by_uvicorn(get_asgi_application(), system) as address:
        yield address


@contextmanager
def _by_uvicorn(app: Any, system: System) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, host=LOOPBACK, port=0, log_config=None))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://{LOOPBACK}:{port}"
    finally:
        system.stop()
        server.should_exit = True
        thread.join()


DASHBOARDS: dict[str, Callable[[System], object]] = {
    "flask": flask_dashboard,
    "starlette": starlette_dashboard,
    "fastapi": partial(starlette_dashboard, make=FastAPI),
    "django": django_dashboard,
}
"""`{framework: what serves an app whose dashboard is at /resilience/}`"""
