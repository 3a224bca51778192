"""What a fleet's backend is, whatever keeps its store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from resilience.fleet.verdicts import Report, Verdict

SILENCE = 5.0  # seconds without a word after which a worker is no longer counted
KEPT = 3600.0  # seconds for which the store keeps a circuit that nobody reports
FOR_EVER = 1e9  # seconds; an order without an end


@dataclass(frozen=True, slots=True)
class Order:
    """What an operator ordered, or took back.

    Args:
        key: what it is about, such as "circuit payments order".
        text: the order as the workers understand it; "": none any more.
        left: seconds, > 0, that it lasts; None: until it is taken back.
        number: of the change that made it; 0: it is new.
    """

    key: str
    text: str
    left: float | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's wish for a lease, or to keep one.

    Args:
        name: of what not more than `places` workers may do at once.
        token: of the lease that it has; 0: it has none yet.
        places: how many there are, >= 1.
        lasts: seconds, > 0, from now until the lease ends by itself.
        over: it gives the lease back.
    """

    name: str
    token: int = 0
    places: int = 1
    lasts: float = 15.0
    over: bool = False


@dataclass(frozen=True, slots=True)
class Peer:
    """A live worker, as the store knows it.

    Args:
        name: the worker's.
        silent: seconds, >= 0, since it was heard of.
        seen: the number of the last change that it has taken in.
        about: what it says of itself, as it said it.
    """

    name: str
    silent: float
    seen: int
    about: str


@dataclass(frozen=True, slots=True)
class Letter:
    """What one worker sends in one exchange.

    Args:
        worker: its name.
        era: the store's name that the worker knows, or "" at first.
        seen: the number of the last change it has seen.
        reports: of the circuits that have news.
        leaving: it ends, and is not to be counted any more.
        orders: that were given or taken back here, and those that the store has forgotten.
        claims: of leases.
        about: what it says of itself; "": nothing new.
        roll: it asks who is alive.
    """

    worker: str
    era: str = ""
    seen: int = 0
    reports: tuple[Report, ...] = ()
    leaving: bool = False
    orders: tuple[Order, ...] = ()
    claims: tuple[Claim, ...] = ()
    about: str = ""
    roll: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What comes back.

    Args:
        era: the store's name; another one than before means that its memory is another.
        seen: the number of the last change.
        workers: how many are alive.
        behind: the store has forgotten changes that the worker has seen: it was emptied, or
            an older one took its place.
        verdicts: of the circuits reported, and of those that changed since the worker's `seen`.
        orders: those that changed since.
        leases: a token for each claim, in their order; 0: somebody else has it.
        roll: who is alive, if it was asked.
    """

    era: str
    seen: int
    workers: int
    behind: bool
    verdicts: tuple[Verdict, ...]
    orders: tuple[Order, ...] = ()
    leases: tuple[int, ...] = ()
    roll: tuple[Peer, ...] = ()


class Backend(Protocol):
    """Keeps what the workers know together. One thread uses it at a time; it may wait.

    Args:
        address: what messages call it; never with a password.
    """

    address: str

    def exchange(self, letter: Letter) -> Reply:
        """Tell what is new, and hear what the fleet has decided: all of it at once, or nothing.

        Raises:
            StoreUnavailableError: the store did not answer; whether it heard is not known.
            ConfigurationError: it can never work like this; says why.
        """
        ...

    def listen(self, hint: Callable[[], None]) -> None:
        """Call `hint()` from now on when something has changed; it may, but need not, be called."""

    def after_fork(self) -> None:
        """Forget the parent's connections, and leave them to it."""

    def close(self) -> None:
        """Let go of all connections; the next exchange opens them again."""
