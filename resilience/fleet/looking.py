"""A fleet as its store has it, for who looks and is no worker of it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from resilience.errors import StoreUnavailableError
from resilience.fleet.base import Backend, Letter, Order
from resilience.fleet.snapshots import PeerSnapshot, peer_of
from resilience.fleet.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Look:
    """What a store has at one moment.

    Args:
        address: the store's, without password.
        workers: those alive.
        verdicts: of the circuits that have ever been anything but closed.
        orders: those in force.
    """

    address: str
    workers: tuple[PeerSnapshot, ...]
    verdicts: tuple[Verdict, ...]
    orders: tuple[Order, ...]


def look(backend: Backend) -> Look:
    """Return what a fleet is at; no worker notices. It waits for the store.

    Raises:
        StoreUnavailableError: the store does not answer, or no fleet has met there.
        ConfigurationError: it can never work like this; says why.
    """
    from resilience.fleet.sql import SQLBackend

    if isinstance(backend, SQLBackend) and not backend.is_there():
        raise StoreUnavailableError(f"there is no fleet at {backend.address}")
    # Whoever leaves with the letter that asks is not counted, and holds nothing.
    reply = backend.exchange(Letter(f"look-{os.urandom(6).hex()}", leaving=True, roll=True))
    return Look(
        backend.address,
        tuple(peer_of(each, reply.seen, "") for each in reply.roll),
        reply.verdicts,
        tuple(each for each in reply.orders if each.text),
    )
