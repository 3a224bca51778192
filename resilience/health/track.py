"""What one check found so far: its verdict, its availability, its latency."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from resilience.health.checks import Check
from resilience.health.results import CheckRecord, Status
from resilience.health.settings import HealthSettings
from resilience.health.verdict import Verdict

STALE_AFTER = 3  # intervals without a result: then nobody knows
FEWEST_RESULTS = 20  # that availability is taken over, however old: one failure is 95 %
_MOST_RESULTS = 1000


class Latency(NamedTuple):
    """Seconds that the runs of a window took."""

    last: float
    mean: float
    p95: float


class Track:
    """One check's results, as far as they still matter; its owner's lock is held.

    Args:
        check: the check, as it is in force.
        settings: the windows and counts.
        now: monotonic seconds.
    """

    __slots__ = ("_results", "_since", "_window", "check", "last", "verdict")

    def __init__(self, check: Check, settings: HealthSettings, now: float) -> None:
        self.verdict = Verdict(settings.rise, settings.fall, settings.flap_share)
        self.last: CheckRecord | None = None
        self._since = now
        self._results: deque[tuple[float, bool, float]] = deque(maxlen=_MOST_RESULTS)
        self.adjust(check, settings)

    def adjust(self, check: Check, settings: HealthSettings) -> None:
        """Go by other settings from now on; what was found stays."""
        self.check = check
        self._window = settings.window
        self.verdict.adjust(settings.rise, settings.fall, settings.flap_share)

    def hear(self, record: CheckRecord) -> None:
        """Take a result into account."""
        if self.overdue(record.monotonic):
            self.verdict.forget()  # what was true before the silence may not be any more
        self.last = record
        self.verdict.hear(record.status)
        if record.status is not Status.UNKNOWN:
            up = record.status is not Status.FAIL
            self._results.append((record.monotonic, up, record.latency))
            self._forget_old(record.monotonic)

    def clear(self, now: float) -> None:
        """Forget all results."""
        self.last = None
        self._since = now
        self._results.clear()
        self.verdict.forget()

    def overdue(self, now: float) -> bool:
        """Tell whether there has been no result for three intervals."""
        heard = self._since if self.last is None else self.last.monotonic
        return now - heard > STALE_AFTER * self.check.interval

    def status(self, now: float) -> Status:
        """Return how things are, by the last results; unknown when they are too old."""
        return Status.UNKNOWN if self.overdue(now) else self.verdict.status

    def availability(self, now: float) -> float | None:
        """Return the percentage of results in the window that passed; None without any."""
        results = self._seen(now)
        if not results:
            return None
        return 100.0 * sum(up for _, up, _ in results) / len(results)

    @property
    def judged(self) -> bool:
        """True once there are enough results for a percentage to mean something."""
        return len(self._results) >= FEWEST_RESULTS

    def latency(self, now: float) -> Latency | None:
        """Return how long the runs of the window took; None without any."""
        taken = [latency for _, _, latency in self._seen(now)]
        if not taken:
            return None
        ordered = sorted(taken)
        p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
        return Latency(taken[-1], sum(taken) / len(taken), p95)

    def _forget_old(self, now: float) -> None:
        while len(self._results) > FEWEST_RESULTS and self._results[0][0] < now - self._window:
            self._results.popleft()

    def _seen(self, now: float) -> list[tuple[float, bool, float]]:
        """Return the results of the window, and at least the last twenty."""
        seen: list[tuple[float, bool, float]] = []
        for result in reversed(self._results):
            if len(seen) >= FEWEST_RESULTS and result[0] < now - self._window:
                break
            seen.append(result)
        seen.reverse()
        return seen
