"""The time a call is given, and what is said when it is up. Never waits."""

from __future__ import annotations

from contextvars import Token

from resilience.core import deadline
from resilience.core.runtime import Runtime
from resilience.errors import DeadlineExceededError
from resilience.limits.handover import hand_over, take_over
from resilience.limits.pace import pace_of

Entry = Token[deadline.Deadline | None]


class Allowance:
    """The time of one call, or of one step of a generator: from now to its deadline.

    Args:
        name: what the call is known by.
        whole: seconds the call would have, if nothing around it had a deadline.
        by: its deadline; made for it, or of the work around it.
        granted: seconds from now to that, > 0 unless the time was up before it began.
        pace: seconds between two looks at the clock.
        is_own: the deadline was made for it.
    """

    __slots__ = ("_by", "_granted", "_is_own", "_name", "_whole", "pace")

    def __init__(
        self,
        name: str,
        whole: float,
        by: deadline.Deadline,
        granted: float,
        pace: float,
        *,
        is_own: bool,
    ) -> None:
        self._name = name
        self._whole = whole
        self._by = by
        self._granted = granted
        self._is_own = is_own
        self.pace = pace

    def left(self) -> float:
        """Return the seconds left; 0 or less when the time is up."""
        return self._by.remaining()

    def used(self) -> float:
        """Return the seconds since it began."""
        return self._granted - self._by.remaining()

    def finish(self) -> None:
        """Hear that the call has ended: what it left running has a deadline no longer."""
        if self._is_own:
            self._by.finish()

    def not_begun(self) -> DeadlineExceededError:
        """Return the error of a call whose time was up before it could begin."""
        return _error(
            f"{self._name!r} was not started: the time of the work around it is up", at_fault=False
        )

    def never_started(self, workers: int) -> DeadlineExceededError:
        """Return the error of a call that waited for one of so many workers all its time."""
        return _error(
            f"{self._name!r} was not started within {self._granted:.3g} s: "
            f"all {workers} workers are busy",
            at_fault=False,
        )

    def exceeded(self) -> DeadlineExceededError:
        """Return the error of a call that took longer."""
        why = "" if self._granted >= self._whole else ", what was left to the work around it"
        return _error(
            f"{self._name!r} was not done within {self._granted:.3g} s{why}",
            at_fault=self._granted >= self._fair() / 2,
        )

    def judged(self, error: BaseException) -> BaseException:
        """Return the error with which a call ended: its own, where what is inside it ran late too.

        The inner call may have had little time of its own; this one had what it had.
        """
        if not isinstance(error, DeadlineExceededError) or self.left() > 0.0:
            return error
        own, work = self.exceeded(), take_over(error)
        own.__cause__ = error
        if work is not None:
            hand_over(own, work)
        return own

    def _fair(self) -> float:
        """Return the seconds by half of which a call could have been done, if all is well.

        That is its own time, or its request's if that is shorter. But a time that comes from
        outside must not decide: else who sends short ones opens circuits for everybody.
        """
        return self._whole if self._by.asked else min(self._whole, self._by.seconds)


def _error(text: str, *, at_fault: bool) -> DeadlineExceededError:
    error = DeadlineExceededError(text)
    error.at_fault = at_fault
    return error


class TimeLimit:
    """How long each call of one function may take.

    Args:
        name: what it is known by.
        seconds: > 0; may be changed at any time, for calls that have not begun.
        runtime: its system's clock, and whether guards are on.
    """

    __slots__ = ("__weakref__", "_pace", "_runtime", "name", "seconds")

    def __init__(self, name: str, seconds: float, runtime: Runtime) -> None:
        self.name = name
        self.seconds = seconds
        self._runtime = runtime
        self._pace = pace_of(runtime.clock)

    @property
    def active(self) -> bool:
        """Tell whether the system's guards are on."""
        return self._runtime.active

    def begin(self, seconds: float) -> tuple[Allowance, Entry]:
        """Set the deadline of a call, or step, that has `seconds`; returns what ends it, too.

        Raises:
            DeadlineExceededError: the time of the work around it is up.
        """
        outer, entry = deadline.current(), deadline.begin(seconds, self._runtime.clock)
        by = deadline.current()
        assert by is not None
        # What is its own is given as it was said: the clock's sums are a little off.
        is_own = by is not outer
        granted = seconds if is_own else by.remaining()
        allowance = Allowance(self.name, seconds, by, granted, self._pace, is_own=is_own)
        if allowance.left() <= 0.0:
            deadline.end(entry)
            raise allowance.not_begun()
        return allowance, entry
