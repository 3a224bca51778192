"""What is done again and again, and when it is due: pure, told the time."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from random import Random
from threading import Lock
from typing import Any

from resilience.core.checks import duration, seconds, share


class Duty:
    """Something done again and again.

    Args:
        name: what logs call it.
        interval: seconds, > 0, from one start to the next.
        act: what to do; a plain function, or one that returns something to await.
        jitter: share 0-1 of the interval by which each start is moved, either way.
        blocking: True if `act` may wait for a disk, a network or a lock: it then never runs on
            an event loop, nor holds up other duties.
        due_at: monotonic seconds of the next start.
    """

    __slots__ = (
        "_wake",
        "act",
        "blocking",
        "cancelled",
        "due_at",
        "failing",
        "interval",
        "jitter",
        "late",
        "name",
        "running",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        interval: Any,
        act: Callable[[], Any],
        *,
        jitter: float,
        blocking: bool,
        due_at: float,
        wake: Callable[[], None],
    ) -> None:
        self.name = name
        self.interval = seconds(f"{name}: interval", interval)
        self.act = act
        self.jitter = share(f"{name}: jitter", jitter)
        self.blocking = blocking
        self.due_at = due_at
        self.running = self.failing = self.cancelled = False
        self.late = False  # it was due while it still ran
        self._wake = wake

    def __repr__(self) -> str:
        return f"<Duty {self.name!r} every {self.interval:g} s>"

    def soon(self) -> None:
        """Be due at once, besides the usual times; any thread may ask."""
        self.due_at = -inf
        self._wake()

    def by(self, moment: float) -> None:
        """Be due at `moment`, monotonic seconds, unless it is earlier; any thread may ask."""
        if moment < self.due_at:
            self.due_at = moment
            self._wake()

    def cancel(self) -> None:
        """Never be due again."""
        self.cancelled = True
        self._wake()


class Schedule:
    """The duties of one engine.

    Args:
        random: where jitter is drawn from.
        wake: called when the next due time may have come closer.
    """

    def __init__(self, random: Random, wake: Callable[[], None]) -> None:
        self._duties: list[Duty] = []
        self._random = random
        self._wake = wake
        self._lock = Lock()

    def __iter__(self) -> Any:
        return iter(list(self._duties))

    def add(  # noqa: PLR0917 - a duty in the order it is read
        self,
        now: float,
        interval: Any,
        act: Callable[[], Any],
        name: str,
        jitter: float,
        blocking: bool,
        first: Any,
    ) -> Duty:
        """Return a new duty, due for the first time `first` seconds from now."""
        due_at = now + duration(f"{name}: first", first)
        duty = Duty(
            name, interval, act, jitter=jitter, blocking=blocking, due_at=due_at, wake=self._wake
        )
        with self._lock:
            self._duties.append(duty)
        self._wake()
        return duty

    def take_due(self, now: float) -> list[Duty]:
        """Return the duties that are due, longest overdue first; each is marked as running.

        One that still runs is left until it is done: nothing runs twice at once.
        """
        with self._lock:
            self._duties = [each for each in self._duties if not each.cancelled]
            due = [each for each in self._duties if each.due_at <= now and not _is_late(each)]
            due.sort(key=lambda each: each.due_at)
            for each in due:
                each.running = True
                spread = 1 + each.jitter * (2 * self._random.random() - 1)
                each.due_at = now + each.interval * spread
            return due

    def wait(self, now: float) -> float:
        """Return the seconds, >= 0, until something is due; infinite if nothing ever is.

        One that is due and still runs does not count: its end wakes whoever waits.
        """
        with self._lock:
            due = [
                each.due_at
                for each in self._duties
                if not each.cancelled and not (each.due_at <= now and _is_late(each))
            ]
        return max(0.0, min(due, default=inf) - now)

    def behind(self, now: float) -> float:
        """Return the seconds, >= 0, by which the oldest duty is overdue that could begin."""
        with self._lock:
            due = [
                each.due_at
                for each in self._duties
                if not each.cancelled and not each.running and each.due_at > -inf
            ]
        return max(0.0, now - min(due, default=inf))

    def done(self, duty: Duty) -> None:
        """Hear that a duty has been done."""
        with self._lock:
            duty.running = False
            late, duty.late = duty.late, False
        if late:
            self._wake()

    def after_fork(self) -> None:
        """Begin anew in a forked child: nothing runs here, and no lock is held."""
        self._lock = Lock()
        for each in self._duties:
            each.running = each.late = False


def _is_late(duty: Duty) -> bool:
    """Tell whether a duty that is due still runs, and see to it that its end wakes the driver."""
    duty.late = duty.running
    return duty.late
