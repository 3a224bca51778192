"""How a level goes up and down by rules: pure, told the time and what was measured."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from resilience.degradation.levels import Level
from resilience.degradation.rules import Rule

MINUTE = 60.0
MOST_CHANGES = 2
"""Changes in a minute, where they go both ways."""

RULE = "rule"
"""The trigger of a change that a rule asked for."""

_TICK = 1e-9  # seconds; sums of tenths fall short of whole numbers


class Watch:
    """A rule, and how long what it is about has held."""

    __slots__ = ("_clear_since", "_since", "error", "rule", "value")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.value: float | None = None
        self.error = ""
        self._since = self._clear_since = inf

    def see(self, value: float | None, now: float) -> None:
        """Take up what the metric is; None is no sign of trouble."""
        self.value, self.error = value, ""
        holds = value is not None and self.rule.holds(value)
        clear = value is None or self.rule.is_clear(value)
        self._since = min(self._since, now) if holds else inf
        self._clear_since = min(self._clear_since, now) if clear else inf

    def miss(self, error: str) -> None:
        """Take up that the metric cannot be read: the rule says nothing until it can."""
        self.value, self.error = None, error
        self._since = self._clear_since = inf

    def forget(self) -> None:
        """Begin anew: what has held so far does not count."""
        self._since = self._clear_since = inf

    def asks(self, now: float) -> bool:
        """Tell whether the rule has held for long enough."""
        return now - self._since >= self.rule.for_ - _TICK

    def lets_go(self, now: float, changed_at: float) -> bool:
        """Tell whether it has been over for long enough, since the last change too."""
        since = max(self._clear_since, changed_at)
        return now - since >= self.rule.clear_for - _TICK

    def say(self) -> str:
        """Return the rule and what was measured, in words."""
        shown = "" if self.value is None else f" ({self.value:.3g})"
        return f"{self.rule}{shown}"


class Demand(NamedTuple):
    """What a rule, or somebody else, asks for, and until when in monotonic seconds."""

    level: Level
    reason: str
    trigger: str
    until: float
    actor: str | None = None
    by: str = ""
    """Whose demand it is: the rule's, or the trigger's."""


class Ladder:
    """The level that rules ask for, of the app or of one feature.

    It goes up at once to the deepest level asked for, and down one level at a time. In any minute
    it changes at most twice, except that it may go up and up to the deepest level: who falls does
    not oscillate.

    Attributes:
        level: the level now.
        reason: what led to it.
        trigger: "rule", or who else asked for it; "" where nobody ever did.
        actor: who ordered that; None where nobody is known.
    """

    def __init__(self) -> None:
        self.level = Level.NORMAL
        self.reason = self.trigger = ""
        self.actor: str | None = None
        self._demands: dict[tuple[str, Level], Demand] = {}  # by trigger and level
        self._changed_at = -inf
        self._by = ""  # whose demand it stands at this level for
        self._rest = MINUTE  # seconds to stay where no rule has a say
        self._changes: deque[tuple[float, bool]] = deque(maxlen=8)  # when, and whether up

    def step(self, watches: Sequence[Watch], now: float) -> bool:
        """Change to what is asked for; tell whether level or reason changed."""
        demands = self._asked(watches, now)
        asked = max((each.level for each in demands), default=Level.NORMAL)
        deepest = [each for each in demands if each.level is asked]
        if asked > self.level:
            return self._may_change(now, up=True) and self._change(deepest[0], now)
        if asked < self.level:
            may = self._is_over(watches, now) and self._may_change(now, up=False)
            return may and self._change(self._back(now), now)
        if deepest and all(each.by != self._by for each in deepest):
            self._take(deepest[0])  # what led here is over, and something else keeps it
            return True
        return False

    def ask(self, demand: Demand, now: float) -> bool:
        """Go up at once because somebody else than a rule asks for it; tell whether it did.

        It goes down again, one level at a time, when the demand has ended and nothing else asks.
        """
        demand = demand._replace(by=demand.trigger)
        self._demands[demand.trigger, demand.level] = demand
        if demand.level <= self.level:
            return False
        self._change(demand, now)
        self._rest = 0.0
        return True

    def reset(self, watches: Sequence[Watch]) -> None:
        """Go back to normal; rules have to hold anew."""
        for each in watches:
            each.forget()
        self._demands.clear()
        self.level = Level.NORMAL

    def say(self, reason: str, trigger: str, actor: str | None) -> None:
        """Take up what the present level is for."""
        self.reason, self.trigger, self.actor = reason, trigger, actor

    def _asked(self, watches: Sequence[Watch], now: float) -> list[Demand]:
        for each in list(self._demands.values()):
            if each.until <= now:
                del self._demands[each.trigger, each.level]
        asking = (each for each in watches if each.asks(now))
        by_rules = [
            Demand(each.rule.leads_to, each.say(), RULE, inf, by=str(each.rule)) for each in asking
        ]
        return [*by_rules, *self._demands.values()]

    def _is_over(self, watches: Sequence[Watch], now: float) -> bool:
        """Tell whether all that may have led here has been over for long enough."""
        behind = [each for each in watches if each.rule.leads_to >= self.level and not each.error]
        if behind:
            return all(each.lets_go(now, self._changed_at) for each in behind)
        return now - self._changed_at >= self._rest - _TICK

    def _may_change(self, now: float, *, up: bool) -> bool:
        recent = [was_up for at, was_up in self._changes if now - at < MINUTE - _TICK]
        return len(recent) < MOST_CHANGES or (up and all(recent))

    def _back(self, now: float) -> Demand:
        """Return the way one level back; at its end all is over."""
        milder = self.level.milder
        reason = self.reason if milder is not Level.NORMAL else f"over: {self.reason}"
        return Demand(milder, reason, self.trigger, now, self.actor, self._by)

    def _change(self, to: Demand, now: float) -> bool:
        self._changes.append((now, to.level > self.level))
        self.level = to.level
        self._take(to)
        self._changed_at, self._rest = now, MINUTE
        return True

    def _take(self, demand: Demand) -> None:
        self._by = demand.by
        self.say(demand.reason, demand.trigger, demand.actor)
