"""The apps whose health checks `test_health_servers.py` watches; they tell of them in a file."""

import asyncio
import os
import threading
import time
from pathlib import Path
from typing import Any

from flask import Flask
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import resilience_flask
import resilience_starlette
from resilience import loop_lag_check, system
from tests.integrations.engine_apps import tell

DOWN = Path(f"{os.environ['ENGINE_LOG']}.down")
"""While this file is there, the database is down."""

loops: set[int] = set()


@system.health.check(
    "postgres", component="database", criticality="critical", interval=0.1, timeout=0.1
)
def postgres() -> bool:
    """Look at the database."""
    tell("sync check")
    return not DOWN.exists()


@system.health.check("blocking", interval=2, timeout=2)
def blocking() -> None:
    """Block a thread, as a driver without async does."""
    tell("blocking check")
    time.sleep(1.5)


@system.health.check("cache", interval=0.1, timeout=0.1)
async def cache() -> None:
    """Look at the cache, without blocking."""
    loops.add(id(asyncio.get_running_loop()))
    await asyncio.sleep(0.001)
    tell("async check")


@system.health.check("hung", interval=0.1, timeout=0.05)
def hung() -> None:
    """Never return."""
    tell("hung check")
    threading.Event().wait()


system.health.check("lag", loop_lag_check(), interval=0.1)


def here() -> dict[str, Any]:
    """Return what this process knows of itself."""
    report = system.health.report()
    return {
        "pid": os.getpid(),
        "statuses": {name: str(each.status) for name, each in report.components.items()},
        "lag": report.components["lag"].checks[0].observed_value,
        "loops": len(loops),
        "hung": sum("check-hung" in each.name for each in threading.enumerate()),
    }


# -- WSGI -----------------------------------------------------------------------------------------

app = Flask("health apps")
resilience_flask.Resilience(app)
app.get("/who")(here)

# -- ASGI -----------------------------------------------------------------------------------------


async def who(request: Request) -> JSONResponse:
    """Tell which process answers, and on which loop."""
    running = id(asyncio.get_running_loop())
    return JSONResponse({**here(), "on_apps_loop": loops <= {running}})


asgi = Starlette(routes=[Route("/who", who)])
resilience_starlette.Resilience(asgi)
