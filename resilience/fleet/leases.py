"""Leases: what only so many workers of the fleet may do at once, and only while they are alive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

from resilience.fleet.base import Claim

LASTS = 15.0  # seconds from one renewal to the end
RENEWED = 1 / 3  # of its time, after which it is renewed
USED = 0.8  # of its time, for which a lease may be relied on; the store's clock may be ahead


class Lease:
    """The right to do something, until it is given back, or ends by itself.

    Args:
        claim: what was claimed.
        token: grows with each lease that the store gives, so that whoever is told two knows the
            later one; 0: there is no store, and nobody to share with.
        asked_at: monotonic seconds when it was asked for.
        now: tells the time.
        give_back: called once when it is released.
    """

    __slots__ = ("_give_back", "_now", "lasts", "name", "places", "renewed_at", "token")

    def __init__(
        self,
        claim: Claim,
        token: int,
        asked_at: float,
        now: Callable[[], float],
        give_back: Callable[[Lease], None],
    ) -> None:
        self.name, self.places, self.lasts = claim.name, claim.places, claim.lasts
        self.token, self.renewed_at = token, asked_at
        self._now, self._give_back = now, give_back

    def holds(self) -> bool:
        """Tell whether it may be relied on at this moment; ask before each thing that is done."""
        return self.token == 0 or self._now() < self.renewed_at + USED * self.lasts

    def release(self) -> None:
        """Give it back; the store hears of it soon."""
        self._give_back(self)


class Leases:
    """The leases of one worker: which it holds, and gives back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._held: dict[int, Lease] = {}  # by their tokens
        self._over: list[Claim] = []

    def due(self, now: float, *, all_held: bool = False) -> tuple[Claim, ...]:
        """Return what is to be told to the store: renewals that are due, and what is given back.

        Args:
            now: monotonic seconds.
            all_held: the store has forgotten: tell it of all. One that is over here stays over.
        """
        with self._lock:
            self._held = {token: each for token, each in self._held.items() if each.holds()}
            renewed = [
                Claim(each.name, token, each.places, each.lasts)
                for token, each in self._held.items()
                if all_held or now >= each.renewed_at + RENEWED * each.lasts
            ]
            return (*renewed, *self._over)

    def heard(self, claims: tuple[Claim, ...], tokens: Sequence[int], now: float) -> None:
        """Take up what the store says to claims that were sent at `now`, or later."""
        with self._lock:
            self._over = [each for each in self._over if each not in claims]
            for claim, token in zip(claims, tokens, strict=False):
                held = self._held.get(claim.token)
                if claim.over or held is None:
                    continue
                if token == claim.token:
                    held.renewed_at = now
                else:  # it ended, or the store has forgotten it: somebody else may have it
                    held.renewed_at = float("-inf")
                    del self._held[claim.token]

    def keep(self, lease: Lease) -> None:
        """Hold a lease that was granted."""
        with self._lock:
            self._held[lease.token] = lease

    def holds(self, name: str) -> bool:
        """Tell whether this worker has one of that name already."""
        with self._lock:
            return any(each.name == name and each.holds() for each in self._held.values())

    def drop(self, lease: Lease) -> None:
        """Give a lease back."""
        with self._lock:
            self._held.pop(lease.token, None)
            if lease.renewed_at > float("-inf"):
                over = Claim(lease.name, lease.token, lease.places, lease.lasts, over=True)
                self._over.append(over)
        lease.renewed_at = float("-inf")
