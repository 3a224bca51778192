"""The event stream (server-sent events, WHATWG HTML): a snapshot, then what happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from resilience.systems import System
from resilience.web.admin.board import board, event_of

LOOK = 0.5  # seconds between looks: what is pushed is at most that late
HEARTBEAT = 15.0  # seconds of silence after which proxies might end a connection

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Type": "text/event-stream",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}


async def stream(system: System, after: int | None) -> AsyncIterator[bytes]:
    """Yield the parts of a stream, until its reader goes or the system stops.

    Guarded calls know nothing of it: it looks at what is kept anyway.

    Args:
        system: what is told of.
        after: the id of the last event its reader has seen; None: it begins with a snapshot.
    """
    recent = system.recent
    if after is None or after > recent.last:  # another worker's numbers mean nothing here
        after = recent.last
        yield _part("snapshot", board(system), after)
    silent = 0.0
    while not system.stopping:
        for number, event in recent.since(after):
            yield _part(event.type, event_of(number, event), number)
            after, silent = number, 0.0
        await asyncio.sleep(LOOK)
        silent += LOOK
        if silent >= HEARTBEAT:
            yield b": still here\n\n"
            silent = 0.0


def _part(kind: str, told: Any, number: int) -> bytes:
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(told)}\n\n".encode()
