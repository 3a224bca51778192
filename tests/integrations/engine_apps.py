"""The apps whose background engine `test_engine_servers.py` watches; they tell of it in a file."""

import asyncio
import json
import os
import threading
from typing import Any

from flask import Flask

from resilience import system
from resilience_flask import Resilience


def tell(what: str) -> None:
    """Add a line to the file: which process it is, and what happened there."""
    file = os.open(os.environ["ENGINE_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{os.getpid()} {what}\n".encode())
    os.close(file)


def here() -> dict[str, Any]:
    """Return what this process is, and what drives its engine."""
    drivers = [each for each in threading.enumerate() if each.name == "resilience-engine"]
    return {
        "pid": os.getpid(),
        "engine": system.runtime.engine.running,
        "threads": len(drivers),
    }


async def _tell_async() -> None:
    await asyncio.sleep(0.001)
    tell("async duty")


tell("import")
engine = system.runtime.engine
engine.every(0.1, lambda: tell("duty"), name="duty")
engine.every(0.1, lambda: tell("slow duty"), name="slow duty", blocking=True)
engine.every(0.1, _tell_async, name="async duty")
engine.at_stop(lambda: tell("drained"))

# -- WSGI -----------------------------------------------------------------------------------------

app = Flask("engine apps")
Resilience(app)


@app.get("/who")
def who() -> dict[str, Any]:
    """Tell which process answers."""
    return here()


@app.get("/loop")
def loop() -> dict[str, Any]:
    """Run an event loop of the view's own, beside the engine's async duties."""
    return {"slept": asyncio.run(asyncio.sleep(0.01, True))}


# -- ASGI -----------------------------------------------------------------------------------------


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Answer as `/who` does; the engine lives within the app's lifespan."""
    if scope["type"] == "lifespan":
        await receive()
        async with system:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        await _answer(send)


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Answer as `/who` does, without a lifespan, as Django's ASGI app has none."""
    if scope["type"] == "lifespan":
        raise RuntimeError("this app can only handle HTTP")
    system.ensure()
    await _answer(send)


async def _answer(send: Any) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(here()).encode()})
