"""When a worker exchanges with the fleet: rarely when it is quiet, at once when it is not."""

from __future__ import annotations

QUIET = 1.0  # seconds from one exchange to the next when there is no news
COALESCE = 0.005  # seconds for which news waits for more of it
APART = 0.02  # seconds between exchanges, however urgent
BURST = 40.0  # urgent exchanges at once, so that steady errors cost the store little
REFILL = 2.0  # of these, a second
BACK_OFF = 0.05  # seconds after the first exchange that failed; twice that after each further one


class Pace:
    """Says when the next exchange may be; pure, told the time."""

    def __init__(self) -> None:
        self._last = -QUIET
        self._left, self._filled = BURST, 0.0
        self._failed = 0
        self._not_before = 0.0

    def urgent(self, now: float, *, limited: bool = True) -> float | None:
        """Return the moment, in monotonic seconds, for news; None: it waits for the usual one.

        Args:
            now: monotonic seconds.
            limited: it counts towards the limit, as news of one's own does.
        """
        if limited:
            self._left = min(BURST, self._left + (now - self._filled) * REFILL)
            self._filled = now
            if self._left < 1:
                return None
            self._left -= 1
        return max(now + COALESCE, self._last + APART, self._not_before)

    def went(self, now: float) -> None:
        """Hear of an exchange that succeeded."""
        self._last = now
        self._failed, self._not_before = 0, 0.0

    def failed(self, now: float) -> float:
        """Hear of one that failed; return the moment to try again."""
        self._last = now
        wait = min(QUIET, BACK_OFF * 2 ** min(self._failed, 10))
        self._failed += 1
        self._not_before = now + wait
        return self._not_before
