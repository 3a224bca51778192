"""The event streams (server-sent events, WHATWG HTML): what happens, and the board for the page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

from resilience.healing import servers
from resilience.systems import System
from resilience.web.admin.board import board, event_of
from resilience.web.admin.glance import POLL, glance_of

LOOK = 0.5  # seconds between looks: what is pushed is at most that late
MOST_LOOKS = 200  # a second, of all streams in this process: beyond that each looks less often
LONGEST_SLEEP = 1.0  # seconds: a server that ends waits for its streams
HEARTBEAT = 15.0  # seconds of silence after which proxies might end a connection

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Type": "text/event-stream",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}


class _Listeners:
    """Those whose streams this process serves, of all systems."""

    number = 0

    @contextmanager
    def joined(self) -> Iterator[None]:
        self.number += 1
        try:
            yield
        finally:
            self.number -= 1

    async def pause(self, system: System) -> float:
        """Wait until the next look, or the system's end; return for how many seconds."""
        seconds = left = max(LOOK, self.number / MOST_LOOKS)
        while left > 0 and not system.stopping:
            await asyncio.sleep(min(left, LONGEST_SLEEP))
            left -= LONGEST_SLEEP
        return seconds


_listeners = _Listeners()


def _ends(system: System) -> bool:
    """Tell whether streams have to end; the server may wait for them before it stops the system."""
    return system.stopping or servers.is_stopping()


async def stream(system: System, after: int | None) -> AsyncGenerator[bytes]:
    """Yield the parts of a stream of events, until its reader goes or the server stops.

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
    with _listeners.joined():
        while not _ends(system):
            if recent.last > after:
                found = recent.since(after)
                yield b"".join(_part(each.type, event_of(id_, each), id_) for id_, each in found)
                after, silent = found[-1][0], 0.0
            elif silent >= HEARTBEAT:
                yield b": still here\n\n"
                silent = 0.0
            silent += await _listeners.pause(system)


def _part(kind: str, told: Any, number: int) -> bytes:
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(told)}\n\n".encode()


async def boards(system: System, *, may_operate: bool) -> AsyncGenerator[bytes]:
    """Yield the board as HTML every `POLL` seconds, and when something has happened.

    Args:
        system: what is shown.
        may_operate: whether there are buttons.
    """
    shown, silent = -1, 0.0
    with _listeners.joined():
        while not _ends(system):
            if system.recent.last != shown or silent >= POLL:
                found = glance_of(system).board(system, may_operate=may_operate)
                shown, silent = found.last, 0.0
                yield _html(found.html)
            silent += await _listeners.pause(system)


def _html(text: str) -> bytes:
    lines = text.encode("utf-8", "replace").splitlines()
    return b"event: board\n" + b"".join(b"data: %b\n" % each for each in lines) + b"\n"
