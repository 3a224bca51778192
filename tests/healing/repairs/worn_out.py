"""Apps whose workers can be made to leak, and which then recycle themselves."""

import os
from typing import Any

from flask import Flask
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from resilience import system
from resilience.healing.repairs import RecycleWorker
from resilience_flask import Resilience as ForFlask
from resilience_starlette import Resilience as ForStarlette

MEGABYTE = 2**20
LEAKED: list[Any] = []

# Where the machine is slow, requests queue up and would be turned away.
system.configure({"web": {"shedding": False}})
system.healer.watch(
    RecycleWorker(
        "worker",
        system,
        enabled=os.environ.get("RECYCLE", "1") == "1",
        memory=200 * MEGABYTE,
        held=0.0,
        settled=1.0,
        lame_duck=1.0,
    ),
    every=0.2,
)


def leak() -> str:
    """Take 200 MB and keep them; return the worker's pid."""
    LEAKED.append(bytearray(b"x") * (200 * MEGABYTE))
    return str(os.getpid())


if "LEAK_AT_START" in os.environ:
    leak()

flask_app = Flask("worn out")
flask_app.add_url_rule("/pid", "pid", lambda: str(os.getpid()))
flask_app.add_url_rule("/leak", "leak", leak)
ForFlask(flask_app)


async def pid(_: Any) -> PlainTextResponse:
    """Tell the worker's pid."""
    return PlainTextResponse(str(os.getpid()))


async def leak_async(_: Any) -> PlainTextResponse:
    """Leak."""
    return PlainTextResponse(leak())


starlette_app = Starlette(routes=[Route("/pid", pid), Route("/leak", leak_async)])
ForStarlette(starlette_app)
