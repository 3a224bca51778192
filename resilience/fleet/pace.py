"""When a worker exchanges with the fleet: rarely when it is quiet, at once when it is not."""

from __future__ import annotations

QUIET = 1.0  # seconds from one exchange to the next when there is no news
COALESCE = 0.002  # seconds for which news waits for more of it
FIRST = 8.0  # urgent exchanges of a burst that may follow each other closely
CLOSE = 0.004  # seconds between these: what is learnt late is paid for in calls that fail
APART = 0.02  # seconds between exchanges, however urgent
BURST = 40.0  # urgent exchanges at once, so that steady errors cost the store little
REFILL = 2.0  # of these, a second
BACK_OFF = 0.05  # seconds, at least, after an exchange that failed
ADDED = 0.1  # share of an outage, at most, by which a worker hears of its end too late


class Pace:
    """Says when the next exchange may be; pure, told the time."""

    def __init__(self) -> None:
        self._last = -QUIET
        self._left, self._filled = BURST, 0.0
        self._gone: float | None = None
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
            now += COALESCE
        apart = CLOSE if self._left >= BURST - FIRST else APART
        return max(now, self._last + apart, self._not_before)

    def went(self, now: float) -> None:
        """Hear of an exchange that succeeded."""
        self._last = now
        self._gone, self._not_before = None, 0.0

    def failed(self, now: float) -> float:
        """Hear of one that failed; return the moment to try again."""
        self._last = now
        if self._gone is None:
            self._gone = now
        self._not_before = now + min(QUIET, max(BACK_OFF, ADDED * (now - self._gone)))
        return self._not_before
