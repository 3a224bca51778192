"""One ill worker among well ones: it leaves the rotation, so that clients go to the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from resilience.circuits.breaker import Circuit
from resilience.core.runtime import Runtime

if TYPE_CHECKING:
    from resilience.fleet.leases import Lease
    from resilience.fleet.service import Fleet
    from resilience.healing.rotation import Rotation

log = logging.getLogger("resilience")

LOOKED_EVERY = 1.0  # seconds
SURE_AFTER = 2.0  # seconds for which it has to be ill alone
OUT_FOR = 30.0  # seconds; then it has to show anew how it is
FEWEST = 3  # live workers, below which none may leave
NAME = "quarantine"


class Quarantine:
    """Takes this worker out of the rotation while its circuits are open and the fleet's are not.

    At most a third of the fleet is out at once, and none where fewer than three are alive.

    Args:
        runtime: the system's clock and engine.
        fleet: the others.
        circuits: gives the circuits that there are.
        rotation: gives what says whether this worker gets requests.
    """

    def __init__(
        self,
        runtime: Runtime,
        fleet: Fleet,
        circuits: Callable[[], Iterable[Circuit]],
        rotation: Callable[[], Rotation],
    ) -> None:
        self._clock = runtime.clock
        self._fleet, self._circuits, self._rotation = fleet, circuits, rotation
        self._since: float | None = None
        self._lease: Lease | None = None
        self._out_until = 0.0
        runtime.engine.every(LOOKED_EVERY, self.look, name=NAME, blocking=True)

    def look(self) -> None:
        """Leave, stay out, or come back."""
        if not self._fleet.settings.quarantine or self._fleet.snapshot().address is None:
            return
        now = self._clock.monotonic()
        ill = [each.name for each in self._circuits() if each.is_alone()]
        if self._lease is not None:
            self._look_from_outside(ill, now)
        elif not ill:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since >= SURE_AFTER:
            self._leave(ill, now)

    def _look_from_outside(self, ill: list[str], now: float) -> None:
        lease = self._lease
        if lease is not None and ill and lease.holds() and now < self._out_until:
            return
        if lease is not None:
            lease.release()
        self._lease = self._since = None
        self._rotation().come_back()

    def _leave(self, ill: list[str], now: float) -> None:
        live = self._fleet.snapshot().workers
        places = live // 3
        if live < FEWEST:
            return
        self._lease = self._fleet.claim(NAME, places=places)
        if self._lease is not None:
            names = ", ".join(sorted(ill)[:5])
            said = f"open in this worker alone: {names}"
            log.warning("fleet: this worker leaves the rotation for %g s: %s", OUT_FOR, said)
            self._out_until = now + OUT_FOR
            self._rotation().leave(said, for_=OUT_FOR)
