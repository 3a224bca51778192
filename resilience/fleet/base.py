"""What a fleet's backend is, whatever keeps its store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from resilience.fleet.verdicts import Report, Verdict

SILENCE = 5.0  # seconds without a word after which a worker is no longer counted
KEPT = 3600.0  # seconds for which the store keeps a circuit that nobody reports


@dataclass(frozen=True, slots=True)
class Letter:
    """What one worker sends in one exchange.

    Args:
        worker: its name.
        era: the store's name that the worker knows, or "" at first.
        seen: the number of the last change it has seen.
        reports: of the circuits that have news.
        leaving: it ends, and is not to be counted any more.
    """

    worker: str
    era: str = ""
    seen: int = 0
    reports: tuple[Report, ...] = ()
    leaving: bool = False


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
    """

    era: str
    seen: int
    workers: int
    behind: bool
    verdicts: tuple[Verdict, ...]


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
