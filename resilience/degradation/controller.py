"""The controller: measures what rules look at, and moves the level and features by them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from resilience.degradation.ladder import Demand, Ladder, Watch
from resilience.degradation.levels import Level
from resilience.degradation.metrics import Measures, Metrics
from resilience.degradation.rules import Rule

log = logging.getLogger("resilience")


@dataclass(frozen=True, slots=True)
class RuleState:
    """A rule as it stands.

    Args:
        rule: the rule.
        value: what its metric was when it was last looked at; None: nothing to say.
        error: why its metric cannot be read, so that the rule is inactive; "" while it can.
    """

    rule: Rule
    value: float | None
    error: str


class Controller:
    """All rules of a system: one ladder for the app, and one for each feature they name.

    Args:
        measures: what rules can look at from the start.
    """

    def __init__(self, measures: Measures) -> None:
        self.metrics = Metrics(measures)
        self.app = Ladder()
        self._features: dict[str, Ladder] = {}
        self._watches: list[Watch] = []
        self._failing: set[str] = set()  # metrics that were logged, and not read since

    @property
    def rules(self) -> tuple[RuleState, ...]:
        """Every rule as it stands."""
        return tuple(RuleState(each.rule, each.value, each.error) for each in self._watches)

    def use(self, rules: Iterable[Rule]) -> None:
        """Follow these rules from now on; those that are followed already go on as they are."""
        before = {each.rule: each for each in self._watches}
        self._watches = [before.get(rule) or Watch(rule) for rule in dict.fromkeys(rules)]
        for name in {name for each in self._watches for name in each.rule.features}:
            self._features.setdefault(name, Ladder())

    def measure(self, now: float) -> None:
        """Read every metric once, and let the rules see it. May take as long as metrics take."""
        read: dict[str, tuple[float | None, str]] = {}
        for watch in self._watches:
            name = watch.rule.metric
            if name not in read:
                read[name] = self._read(name)
            value, error = read[name]
            if error:
                watch.miss(error)
            else:
                watch.see(value, now)

    def step(self, now: float) -> bool:
        """Move every ladder by what was measured; tell whether one moved."""
        moved = self.app.step([each for each in self._watches if not each.rule.features], now)
        for name, ladder in self._features.items():
            watches = [each for each in self._watches if name in each.rule.features]
            moved = ladder.step(watches, now) or moved
        return moved

    def ask(self, demand: Demand, now: float) -> bool:
        """Take up what somebody else than a rule asks for."""
        return self.app.ask(demand, now)

    def reset(self, reason: str, trigger: str, actor: str | None) -> None:
        """Go back to normal everywhere; rules have to hold anew."""
        for ladder in (self.app, *self._features.values()):
            ladder.reset(self._watches)
            ladder.say(reason, trigger, actor)

    def is_below(self, level: Level) -> bool:
        """Tell whether rules ask for more than `level`, of the app or of some feature."""
        return any(each.level > level for each in (self.app, *self._features.values()))

    def ladder_of(self, feature: str) -> Ladder | None:
        """Return the ladder that rules about this feature move."""
        return self._features.get(feature)

    def _read(self, name: str) -> tuple[float | None, str]:
        try:
            value = self.metrics.read(name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also a `SystemExit`: other rules go on
            if name not in self._failing:
                log.error("rules on %r are inactive until it can be read", name, exc_info=error)
            self._failing.add(name)
            return None, f"{type(error).__name__}: {error}"
        self._failing.discard(name)
        return value, ""
