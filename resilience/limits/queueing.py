"""How long requests wait to be taken up, and whether they queue up."""

from __future__ import annotations

from math import inf

LONGEST = 60.0  # seconds; whoever claims to have waited longer is not believed

EMPTY = 0.02  # seconds; who waited no longer has found the queue empty, as clocks tick
INTERVAL = 1.0  # seconds
ENOUGH = 10  # requests
_BASE_SPAN = 300.0  # seconds


class StandingQueue:
    """Tells a queue that stands from a burst that passes.

    A queue stands when for a second, and for ten requests in a row, nobody has found it empty.
    Then to wait longer helps nobody: all wait, and those behind them too.

    Any thread may use it without a lock: what two of them overwrite is one observation.

    Source:
        Nichols, Jacobson, *Controlling Queue Delay*, ACM Queue 2012; as a rule for requests:
        Maurer, *Fail at Scale*, ACM Queue 2015.
    """

    __slots__ = ("_empty_at", "_last", "_since")

    def __init__(self) -> None:
        self._empty_at = self._last = 0.0
        self._since = 0  # requests since it was empty

    def observe(self, now: float, waited: float) -> None:
        """Hear how long a request has waited to be taken up, in seconds."""
        if waited <= EMPTY or now - self._last > INTERVAL:
            self._empty_at, self._since = now, 0
        else:
            self._since += 1
        self._last = now

    def stands(self, now: float) -> bool:
        """Tell whether there is a queue that does not go away by itself."""
        return self._since >= ENOUGH and now - self._empty_at > INTERVAL >= now - self._last


class Stamps:
    """Tells waiting times from the stamps of proxies, whose clocks may be a little behind.

    What all requests of the last minutes have at least waited is no waiting, but the difference
    of two clocks. Any thread may use it without a lock: what two of them overwrite is one stamp.

    Source:
        The base delay of LEDBAT, RFC 6817, section 3.4.
    """

    __slots__ = ("_before", "_present", "_until")

    def __init__(self) -> None:
        self._before = self._present = inf  # the least seen in the last span, and in this one
        self._until = -inf

    def waited(self, stamp: float, wall: float, now: float) -> float | None:
        """Return the seconds, 0 to 60, since a request was stamped; None: nobody can tell.

        Args:
            stamp: when that was, in seconds since 1970.
            wall: seconds since 1970.
            now: monotonic seconds.
        """
        passed = wall - stamp
        if not 0 <= passed <= LONGEST:
            return None
        if now >= self._until:
            self._before = self._present if now < self._until + _BASE_SPAN else inf
            self._present, self._until = inf, now + _BASE_SPAN
        self._present = min(self._present, passed)
        return passed - min(self._present, self._before)
