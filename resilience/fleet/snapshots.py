"""The fleet, as one worker sees it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from resilience.fleet.base import Peer


@dataclass(frozen=True, slots=True)
class FleetSnapshot:
    """The fleet as this worker sees it.

    Args:
        worker: this worker's name.
        address: where the store is, without password; None: there is none.
        online: whether it answered last time.
        workers: how many are alive, this one included; last known while it is offline.
        error: why it is offline, or None.
    """

    worker: str
    address: str | None
    online: bool
    workers: int
    error: str | None


@dataclass(frozen=True, slots=True)
class PeerSnapshot:
    """A live worker of the fleet.

    Args:
        worker: its name.
        silent: seconds, >= 0, since the store heard of it.
        confirmed: whether it has taken in all that was ordered and decided.
        about: what it says of itself: `host`, `pid`, `level`, `open` (circuits that are not
            closed), `ill` (components that are down), and whether it is `leaving`.
    """

    worker: str
    silent: float
    confirmed: bool
    about: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How many workers have taken in an order.

    Args:
        confirmed: so many.
        live: of so many.
        waiting: the names of the others.
    """

    confirmed: int
    live: int
    waiting: tuple[str, ...] = ()


def peer_of(peer: Peer, newest: int, me: str) -> PeerSnapshot:
    """Return what a worker of the roll is; `newest` is the last change, `me` who looks."""
    try:
        about = dict(json.loads(peer.about or "{}"))
    except ValueError:
        about = {}
    return PeerSnapshot(peer.name, peer.silent, peer.name == me or peer.seen >= newest, about)
