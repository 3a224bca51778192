"""Whether to try again, and when: for one function, and for one of its calls."""

from __future__ import annotations

from collections import deque
from typing import Any

from resilience import signals
from resilience.clock import Clock
from resilience.core.categories import TRANSIENT
from resilience.core.classify import is_client_error, matches, says_nothing
from resilience.core.deadline import remaining
from resilience.core.runtime import Runtime
from resilience.strategies.budget import LEAST, Budget
from resilience.strategies.retry_after import asked_wait, is_lasting
from resilience.strategies.retry_settings import RetrySettings

MOST_NOTES = 10
LONGEST_NOTE = 200  # characters


class RetryPlan:
    """The retries of one function.

    Args:
        runtime: its system's clock, chance and events.
        component: what its events are about.
        budget: what its retries draw on.
        settings: when to try again.
    """

    __slots__ = (
        "__weakref__",
        "_least",
        "_runtime",
        "component",
        "judges",
        "meter",
        "settings",
        "timeout",
        "waits",
    )

    def __init__(
        self, runtime: Runtime, component: str, budget: Budget, settings: RetrySettings
    ) -> None:
        self._runtime = runtime
        self.component = component
        self.meter = budget
        self.reconfigure(settings)

    def reconfigure(self, settings: RetrySettings) -> None:
        """Put settings in force: calls that have begun keep the waits they began with."""
        self.settings = settings
        self.timeout = settings.timeout
        self.judges = settings.on_result is not None
        self.waits = settings.waits
        # One call alone may always use all its attempts.
        self._least = max(LEAST, settings.attempts - 1)

    @property
    def clock(self) -> Clock:
        """What waits, and tells the time."""
        return self._runtime.clock

    @property
    def active(self) -> bool:
        """False: every call is made once."""
        return self._runtime.active

    def begin(self) -> RetryCourse:
        """Return a course whose first attempt was made."""
        return RetryCourse(self, self._runtime)

    def refuses(self, result: Any) -> bool:
        """Tell whether `on_result` takes what was returned for a failure."""
        judge = self.settings.on_result
        return judge is not None and matches(judge, result, if_broken=False)

    def retries(self, error: Exception) -> bool:
        """Tell whether this is an error after which to try again."""
        on = self.settings.on
        if says_nothing(error) or is_client_error(error):
            return False  # without a place, a thread or time another attempt would need the same
        if matches(self.settings.ignore, error, if_broken=False):
            return False
        if not matches(on, error, if_broken=False):
            return False
        is_own_predicate = not isinstance(on, type | tuple) and on is not TRANSIENT
        return is_own_predicate or not is_lasting(error)

    def affords(self, now: float) -> bool:
        """Take one retry from the budget, if it has one."""
        if self.settings.budget is None:
            self.meter.spend(now)
            return True
        return self.meter.take(self.settings.budget, self._least, now)


class RetryCourse:
    """The attempts of one call; belongs to nobody else."""

    __slots__ = ("_delays", "_earlier", "_plan", "_runtime", "attempt", "wait")

    def __init__(self, plan: RetryPlan, runtime: Runtime) -> None:
        self._plan = plan
        self._runtime = runtime
        self._delays = plan.waits.delays(runtime.random)
        self._earlier: deque[_Note] = deque(maxlen=MOST_NOTES)
        self.attempt = 1  # the one that was made last
        self.wait = 0.0

    def goes_on(self, error: Exception) -> bool:
        """Tell whether there is another attempt after an error that is tried again."""
        wait = self._next_wait(error)
        if wait is not None:
            self._told(wait, _described(error), type(error).__name__)
        return wait is not None

    def failed(self, error: Exception) -> bool:
        """Tell whether there is another attempt; if not, write the earlier ones on the error."""
        if self._plan.retries(error) and self.goes_on(error):
            return True
        self._write_notes(error)
        return False

    def returned(self, result: Any) -> bool:
        """Tell whether there is another attempt after this result."""
        return self._plan.refuses(result) and self.goes_on_after(result)

    def goes_on_after(self, result: Any) -> bool:
        """Tell whether there is another attempt after a result that was refused."""
        wait = self._next_wait(result)
        if wait is not None:
            self._told(wait, f"on_result refused {_named(type(result))}", None)
        return wait is not None

    def _told(self, wait: float, what: str, error: str | None) -> None:
        """Say that there is another attempt after `wait` seconds, and why."""
        self._earlier.append(
            _Note(f"attempt {self.attempt} failed: {what}; next after {wait:.3g} s")
        )
        data = {"attempt": self.attempt, "delay": wait, "error": error}
        self._runtime.bus.emit(signals.retry_scheduled, self._plan.component, data)
        self.attempt += 1
        self.wait = wait

    def _next_wait(self, source: Any) -> float | None:
        """Return the seconds to wait; None where there is no further attempt."""
        if self.attempt >= self._plan.settings.attempts:
            return None
        wait = next(self._delays, None)
        if wait is None:
            return None
        asked = asked_wait(source, self._runtime.clock.time())
        if asked is not None:
            wait = min(asked, self._plan.settings.max_delay)
        left = remaining()
        if left is not None and wait >= left:
            return None
        return wait if self._plan.affords(self._runtime.clock.monotonic()) else None

    def _write_notes(self, error: Exception) -> None:
        if not self._earlier:
            return
        try:
            # One and the same object may be raised for ever: what is on it is of another call.
            others = [note for note in getattr(error, "__notes__", ()) if type(note) is not _Note]
            error.__notes__ = [*others, *self._earlier]
        except Exception:  # frozen ones take none
            return


class _Note(str):
    """What a retry wrote on an error."""

    __slots__ = ()


def _described(error: Exception) -> str:
    try:
        text = str(error)
    except Exception:  # other people's `__str__`
        text = ""
    name = _named(type(error))
    shown = f"{name}: {text}" if text else name
    return shown if len(shown) <= LONGEST_NOTE else shown[: LONGEST_NOTE - 1] + "…"


def _named(kind: type) -> str:
    return kind.__name__
