"""The engine's life within an app's: a task on its loop, or a thread where no lifespan is run."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from resilience import System
from resilience.testing import ManualClock
from resilience_starlette import Resilience, ResilienceMiddleware, lifespan, routes


@pytest.fixture
def real() -> Iterator[System]:
    """Give a system on the machine's own clock, so that its engine runs; and stop it."""
    system = System()
    yield system
    system.stop()


def telling(system: System) -> Route:
    """Return a route that tells what drives the engine, and the app's own state."""

    async def tell(request: Request) -> JSONResponse:
        state = dict(request.scope.get("state", {}))
        return JSONResponse({"running": system.runtime.engine.running, "state": state})

    return Route("/engine", tell)


def test_the_engine_is_a_task_of_the_apps_loop(real: System) -> None:
    """From the start to the end, which leaves no thread and says that it stops."""
    app = Starlette(routes=[telling(real)])
    Resilience(app, system=real)
    before = {each for each in threading.enumerate() if each.name == "resilience-engine"}

    with TestClient(app) as client:
        assert client.get("/engine").json()["running"] == "task"
        assert client.get("/health/ready").status_code == 200
        threads = {each for each in threading.enumerate() if each.name == "resilience-engine"}

    assert threads <= before
    assert real.runtime.engine.running is None
    assert real.stopping


def test_an_async_duty_runs_on_the_apps_loop(real: System) -> None:
    """And a client or pool that belongs to it may be used there."""
    loops: list[Any] = []
    ran = threading.Event()

    async def duty() -> None:
        loops.append(asyncio.get_running_loop())
        ran.set()

    async def tell(request: Request) -> JSONResponse:
        loops.append(asyncio.get_running_loop())
        return JSONResponse(None)

    app = Starlette(routes=[Route("/", tell)])
    Resilience(app, system=real)
    with TestClient(app) as client:
        client.get("/")
        real.runtime.engine.every(60, duty, name="duty")
        assert ran.wait(20)

    assert loops[0] is loops[1]


def test_it_may_start_again(real: System) -> None:
    """As in tests, where one app is started many times."""
    app = Starlette(routes=[telling(real)])
    Resilience(app, system=real)

    for _ in range(3):
        with TestClient(app) as client:
            assert client.get("/engine").json()["running"] == "task"
            assert client.get("/health/ready").status_code == 200


def test_without_a_lifespan_the_first_request_starts_a_thread(real: System) -> None:
    """A later lifespan's task takes over from it."""
    app = Starlette(routes=[telling(real)])
    Resilience(app, system=real)
    assert real.runtime.engine.running is None

    assert TestClient(app).get("/engine").json()["running"] == "thread"

    with TestClient(app) as client:
        assert client.get("/engine").json()["running"] == "task"


def test_a_websocket_starts_it_too(real: System) -> None:
    """An app may serve nothing else."""
    app = FastAPI()

    @app.websocket("/")
    async def tell(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(str(real.runtime.engine.running))
        await socket.close()

    Resilience(app, system=real)

    with TestClient(app).websocket_connect("/") as socket:
        assert socket.receive_text() == "thread"


def test_the_apps_own_lifespan_is_inside(real: System) -> None:
    """What it yields is the requests' state; it begins after the engine and ends before it."""
    seen: list[tuple[Any, bool]] = []

    @asynccontextmanager
    async def own(app: Any) -> AsyncIterator[dict[str, str]]:
        seen.append((real.runtime.engine.running, real.stopping))
        yield {"pool": "open"}
        seen.append((real.runtime.engine.running, real.stopping))

    app = FastAPI(lifespan=own)
    app.router.routes.append(telling(real))
    Resilience(app, system=real)

    with TestClient(app) as client:
        assert client.get("/engine").json()["state"] == {"pool": "open"}

    assert seen == [("task", False), ("task", True)]


def test_an_app_that_fails_to_start_stops_the_engine(real: System) -> None:
    """And its own error is seen."""

    @asynccontextmanager
    async def own(app: Any) -> AsyncIterator[None]:
        raise ConnectionError("no database")
        yield

    app = Starlette(lifespan=own)
    Resilience(app, system=real)

    with pytest.raises(ConnectionError, match="no database"), TestClient(app):
        pytest.fail("it started")

    assert real.runtime.engine.running is None


def test_what_is_queued_is_drained_at_the_end(real: System) -> None:
    """Off the loop, which goes on meanwhile."""
    drained: list[bool] = []
    real.runtime.engine.at_stop(lambda: drained.append(True))
    app = Starlette()
    Resilience(app, system=real)

    with TestClient(app):
        assert drained == []

    assert drained == [True]


def test_the_pieces_do_the_same(real: System) -> None:
    """With `lifespan` given its system, and composed by hand with the app's own."""

    @asynccontextmanager
    async def own(app: Any) -> AsyncIterator[dict[str, str]]:
        async with lifespan(app, system=real):
            yield {"pool": "open"}

    for each in (own, partial(lifespan, system=real)):
        app = Starlette(
            routes=[telling(real), *routes(system=real)],
            middleware=[Middleware(ResilienceMiddleware, system=real)],
            lifespan=each,
        )
        with TestClient(app) as client:
            assert client.get("/engine").json()["running"] == "task"
            assert client.get("/health/ready").status_code == 200
        assert real.stopping


def test_two_apps_share_one_engine(real: System) -> None:
    """The first runs it; the second neither runs nor stops it."""
    first, second = Starlette(routes=[telling(real)]), Starlette()
    Resilience(first, system=real)
    Resilience(second, system=real)

    with TestClient(first) as client:
        with TestClient(second):
            assert real.runtime.engine.running == "task"
        assert not real.stopping
        assert client.get("/engine").json()["running"] == "task"
    assert real.stopping


def test_on_a_manual_clock_nothing_runs_by_itself(system: System, clock: ManualClock) -> None:
    """A test's own `tick` does what is due, and nothing else does."""
    done: list[float] = []
    system.runtime.engine.every(1, lambda: done.append(clock.monotonic()), name="duty")
    app = Starlette(routes=[telling(system)])
    Resilience(app, system=system)

    with TestClient(app) as client:
        client.get("/engine")
        assert done == []
        system.tick()
        assert len(done) == 1
    assert system.stopping
