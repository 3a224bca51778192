"""The app that uvicorn serves in `test_starlette_uvicorn.py`; its payment circuit is open."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, StreamingResponse

from resilience import circuit, fallback, system
from resilience.core.request import present
from resilience_starlette import Resilience
from resilience_starlette.dependencies import AppSystem


@circuit("payments", failure_threshold=1, reset_timeout=600)
async def pay() -> str:
    """Fail as a payment service does that is down."""
    raise ConnectionError("postgres://admin:hunter2@10.0.0.7")


@fallback("no prices")
@circuit("prices", failure_threshold=1, reset_timeout=600)
def prices() -> str:
    """Fail, in a thread, and be stood in for."""
    raise ConnectionError


@circuit("feed", failure_threshold=1)
async def feed() -> AsyncIterator[bytes]:
    """Go on for as long as somebody listens."""
    try:
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0.01)
    finally:
        ended.append(True)


app = FastAPI(title="served shop")
ended: list[bool] = []
METHODS = ["GET", "HEAD"]
app.add_api_route("/pay", pay, methods=METHODS, response_class=PlainTextResponse)
app.add_api_route("/prices", prices, methods=METHODS, response_class=PlainTextResponse)


@app.get("/feed")
async def read() -> StreamingResponse:
    """Stream."""
    return StreamingResponse(feed())


@app.get("/hold")
async def hold() -> float | None:
    """Hold up the loop, and tell how long the request had waited for it."""
    time.sleep(0.2)  # noqa: ASYNC251 - what one must not do is what is measured
    waited: float | None = getattr(present.get(), "waited", None)
    return waited


@app.get("/worker")
async def worker(system: AppSystem) -> dict[str, Any]:
    """Tell what drives the engine, and what became of the streams."""
    seen = system.circuits["feed"].snapshot()
    engine = system.runtime.engine.running
    return {"engine": engine, "ended": len(ended), "feed": seen.state, "failures": seen.failures}


Resilience(app, authorize=lambda request: request.headers.get("authorization") == "Bearer ops")

# Every worker makes its own circuits: open them in each, by a failure, as it loads the app.
with suppress(ConnectionError), system.circuits["payments"]:
    raise ConnectionError
