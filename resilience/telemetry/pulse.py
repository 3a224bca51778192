"""How late an event loop comes to what it has to do."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from resilience.core.copies import copied

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

BEAT = 0.1  # seconds from one beat to the next
_KEPT = 10  # beats that are looked back on: about a second of them


class Pulse:
    """A timer on one event loop, and how late it rang.

    Whatever blocks the loop (a slow computation, a forgotten sync call) makes it late, as it
    makes every request late that the loop serves.

    Args:
        loop: the loop; `Pulse` is made on it.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        self._late: deque[float] = deque(maxlen=_KEPT)
        self._due = 0.0
        self._over = False
        self._wait()

    def lag(self) -> float | None:
        """Return the greatest delay of the last second, seconds >= 0; None: it beats no more.

        A beat that is overdue now counts as well, so that a loop which is stuck is seen from
        another thread while it is.
        """
        if self._over or self.loop.is_closed():
            return None
        return max(*copied(self._late), self.loop.time() - self._due, 0.0)

    def stop(self) -> None:
        """Beat no more; from any thread."""
        self._over = True

    def _wait(self) -> None:
        self._due = self.loop.time() + BEAT
        self.loop.call_at(self._due, self._beat)

    def _beat(self) -> None:
        if not self._over:
            self._late.append(max(0.0, self.loop.time() - self._due))
            self._wait()
