"""What several results in a row say: one alone changes nothing, and flapping is seen."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

from resilience.health.results import Status

FLAP_RESULTS = 20  # results that are looked back on
_CALM = 0.5  # of the flapping share: below it flapping ends, so that it does not flap itself


class Verdict:
    """The status of one check, made steady.

    The first result decides at once: until then nothing is known. From then on `fall` results in
    a row that are worse make it worse, `rise` that are better make it better (as in HAProxy);
    the mildest of the run is what it becomes.

    It flaps while more than a share of the last 20 results differ from the one before; then the
    worst of them holds until less than half of that share does (Nagios, "Detection and Handling
    of State Flapping").

    Args:
        rise: results in a row, >= 1.
        fall: results in a row, >= 1.
        flap_share: share 0-1 of the changes that are possible; at 1 it never flaps.
    """

    __slots__ = ("_fall", "_flap_share", "_recent", "_rise", "_run", "_worst", "settled")

    def __init__(self, rise: int, fall: int, flap_share: float) -> None:
        self.settled = Status.UNKNOWN
        self._run: list[Status] = []  # the last results in a row on one side of `settled`
        self._recent: deque[Status] = deque(maxlen=FLAP_RESULTS)
        self._worst: Status | None = None  # while it flaps
        self.adjust(rise, fall, flap_share)

    def adjust(self, rise: int, fall: int, flap_share: float) -> None:
        """Go by other numbers from the next result on."""
        self._rise = rise
        self._fall = fall
        self._flap_share = flap_share

    @property
    def status(self) -> Status:
        """What is to be shown: the worst while it flaps, else what is settled."""
        return self.settled if self._worst is None else self._worst

    @property
    def flapping(self) -> bool:
        """True while the results change too often to be believed."""
        return self._worst is not None

    def hear(self, status: Status) -> None:
        """Take one result into account."""
        if status is Status.UNKNOWN:
            self.forget()
            return
        self._recent.append(status)
        self._settle(status)
        self._look_for_flapping(status)

    def forget(self) -> None:
        """Know nothing again: the next result decides at once."""
        self.settled = Status.UNKNOWN
        self._run.clear()
        self._recent.clear()
        self._worst = None

    def _settle(self, status: Status) -> None:
        if self.settled is Status.UNKNOWN:
            self.settled = status
            return
        side = _side(status, self.settled)
        if self._run and _side(self._run[0], self.settled) != side:
            self._run.clear()
        if side == 0:
            return
        self._run.append(status)
        needed = self._fall if side > 0 else self._rise
        if len(self._run) >= needed:
            nearest = min(self._run, key=lambda each: abs(each.rank - self.settled.rank))
            self.settled = nearest
            self._run.clear()

    def _look_for_flapping(self, status: Status) -> None:
        changes = sum(1 for before, after in pairwise(self._recent) if before != after)
        share = changes / (FLAP_RESULTS - 1)
        if self._worst is not None:
            self._worst = max(self._worst, status, key=lambda each: each.rank)
            if share < self._flap_share * _CALM:
                self._worst = None
        elif share > self._flap_share:
            self._worst = max(self._recent, key=lambda each: each.rank)


def _side(status: Status, settled: Status) -> int:
    """Return 1 for worse, -1 for better, 0 for the same."""
    return (status.rank > settled.rank) - (status.rank < settled.rank)
