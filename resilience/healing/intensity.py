"""How often something may be recovered before that is itself the failure.

After Erlang/OTP's supervisors (`intensity` and `period` in `supervisor(3)`): what has to be
restarted too often is not helped by restarting.
"""

from __future__ import annotations

from collections import deque


class Intensity:
    """Counts recoveries in a sliding period. Told the time; not locked: its owner does that."""

    __slots__ = ("_begun",)

    def __init__(self) -> None:
        self._begun: deque[float] = deque()

    def admits(self, now: float, limit: int, period: float) -> bool:
        """Count one more, if there were fewer than `limit` in the last `period` seconds."""
        self._forget(now, period)
        if len(self._begun) >= limit:
            return False
        self._begun.append(now)
        return True

    def count(self, now: float, period: float) -> int:
        """Return how many there were in the last `period` seconds."""
        self._forget(now, period)
        return len(self._begun)

    def wait(self, now: float, limit: int, period: float) -> float:
        """Return the seconds, >= 0, until one more would be admitted."""
        self._forget(now, period)
        if len(self._begun) < limit:
            return 0.0
        return max(0.0, self._begun[len(self._begun) - limit] + period - now)

    def reset(self) -> None:
        """Forget all recoveries."""
        self._begun.clear()

    def _forget(self, now: float, period: float) -> None:
        while self._begun and self._begun[0] + period <= now:
            self._begun.popleft()
