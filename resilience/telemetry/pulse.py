"""How late an event loop comes to what it has to do."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, TimerHandle

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
        self._timer: TimerHandle | None = None
        self._wait()

    def lag(self) -> float | None:
        """Return the greatest delay of the last second, seconds >= 0; None: no beat yet.

        A beat that is overdue now counts as well, so that a loop which is stuck is seen from
        another thread while it is.
        """
        if self.loop.is_closed() or (not self._late and self._timer is None):
            return None
        worst = max(list(self._late), default=0.0)
        if self._timer is None:
            return worst
        return max(worst, self.loop.time() - self._due, 0.0)

    def stop(self) -> None:
        """Beat no more; from the loop's own thread."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _wait(self) -> None:
        self._due = self.loop.time() + BEAT
        self._timer = self.loop.call_at(self._due, self._beat)

    def _beat(self) -> None:
        self._late.append(max(0.0, self.loop.time() - self._due))
        self._wait()
