"""What keeps a recovery action from doing harm: pure, told the time."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from resilience.core.checks import duration, flag, seconds, whole
from resilience.core.section import Check, Section

USELESS = 2
"""So many runs in a row that changed nothing switch an action off."""


@dataclass(frozen=True, slots=True)
class Restraints(Section):
    """How often an action may run.

    Args:
        cool_down: seconds, >= 0, from the end of one run to the start of the next.
        limit: runs, >= 1, within `period`.
        period: seconds, > 0.
        dry_run: tell what would be done, and do nothing.
        off_for: seconds, > 0, that an action stays off after two runs that changed nothing.

    Raises:
        UnknownSettingError, ConfigurationError: a value is refused; says what is allowed.
    """

    TITLE: ClassVar[str] = "action"
    CHECKS: ClassVar[Mapping[str, Check]] = {
        "cool_down": duration,
        "limit": whole,
        "period": seconds,
        "dry_run": flag,
        "off_for": seconds,
    }

    cool_down: Any = 1.0
    limit: int = 3
    period: Any = 300.0
    dry_run: bool = False
    off_for: Any = 3600.0


class Restraint:
    """The runs of one action, and whether there may be another. Not locked: its owner does that.

    Args:
        rules: how often it may run.
    """

    __slots__ = ("_off_until", "_ready_at", "_runs", "_useless", "rules")

    def __init__(self, rules: Restraints) -> None:
        self.rules = rules
        self._runs: deque[float] = deque(maxlen=rules.limit)
        self.release()

    def release(self) -> None:
        """Forget all runs: the next one is free."""
        self._runs.clear()
        self._useless = 0
        self._ready_at = self._off_until = float("-inf")

    def reconsider(self) -> None:
        """Forget that runs changed nothing: what was wrong then is over."""
        self._useless = 0
        self._off_until = float("-inf")

    def wait(self, now: float) -> float:
        """Return the seconds, >= 0, until it may run again."""
        ready = max(self._ready_at, self._off_until)
        if len(self._runs) == self.rules.limit:
            ready = max(ready, self._runs[0] + self.rules.period)
        return max(0.0, ready - now)

    def refusal(self, now: float) -> str | None:
        """Return why it may not run now; None: it may."""
        wait = self.wait(now)
        if not wait:
            return None
        if now < self._off_until:
            return f"off for {wait:.3g} s: {USELESS} runs in a row changed nothing"
        if now < self._ready_at:
            return f"cools down for {wait:.3g} s"
        return f"ran {self.rules.limit} times in {self.rules.period:g} s"

    def is_off(self, now: float) -> bool:
        """Tell whether it switched itself off."""
        return now < self._off_until

    def began(self, now: float) -> None:
        """Count a run."""
        self._runs.append(now)

    def ended(self, now: float, *, useful: bool | None) -> bool:
        """Hear of a run's end; tell whether that one switched the action off.

        Args:
            now: monotonic seconds.
            useful: whether it changed anything; None: nobody can tell.
        """
        self._ready_at = now + self.rules.cool_down
        if useful is None:
            return False
        self._useless = 0 if useful else self._useless + 1
        if self._useless < USELESS:
            return False
        self._useless = 0
        self._off_until = now + self.rules.off_for
        return True
