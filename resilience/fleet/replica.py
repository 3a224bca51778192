"""What a worker remembers of the fleet's store, and where it stands towards it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from resilience.fleet.base import Reply
from resilience.fleet.verdicts import CLOSED, Verdict


@dataclass(slots=True)
class Replica:
    """The last known state of all circuits of the fleet, those this worker lacks included.

    Args:
        era: the store's name, "" before the first reply.
        seen: the number of the last change that was taken in.
        workers: how many were alive; 0: nobody has said.
        verdicts: `{circuit: (verdict, monotonic seconds when it came)}`; without those that were
            never anything but closed.
    """

    era: str = ""
    seen: int = 0
    workers: int = 0
    verdicts: dict[str, tuple[Verdict, float]] = field(default_factory=dict)

    def take(self, reply: Reply, now: float) -> None:
        """Take in a reply that came at `now`, monotonic seconds."""
        self.era, self.seen, self.workers = reply.era, reply.seen, reply.workers
        for verdict in reply.verdicts:
            known = self.verdicts.get(verdict.name)
            if verdict.epoch >= (known[0].epoch if known else 1):
                self.verdicts[verdict.name] = (verdict, now)

    def on(self, name: str, now: float) -> Verdict | None:
        """Return what the fleet has decided of a circuit, as any worker is told it now."""
        known = self.verdicts.get(name)
        if known is None:
            return None
        verdict, came = known
        left = max(0.0, verdict.left - (now - came))
        return replace(verdict, left=left, made=False, place="", differs=False)

    def not_closed(self) -> Iterator[str]:
        """Yield the names of the circuits that the fleet has open or half-open."""
        return (name for name, (each, _) in self.verdicts.items() if each.state != CLOSED)
