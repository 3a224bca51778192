"""The level of service: what sets it, and what follows from it for features."""

from __future__ import annotations

import os
import weakref
from collections.abc import Collection, Mapping
from dataclasses import replace
from math import inf
from threading import Lock
from typing import Any

from resilience import signals
from resilience.core.checks import seconds, text
from resilience.core.names import did_you_mean
from resilience.core.overrides import Given
from resilience.core.runtime import Runtime
from resilience.degradation.board import News, Seconds
from resilience.degradation.controller import Controller, RuleState
from resilience.degradation.features import Feature
from resilience.degradation.ladder import MINUTE, Demand
from resilience.degradation.levels import Level, as_level, below_normal
from resilience.degradation.metrics import Measures, Read, ReadOf
from resilience.degradation.orders import Order, plain_orders, said_reason
from resilience.degradation.registry import Standing
from resilience.degradation.rules import Rule
from resilience.degradation.settings import DegradationSettings
from resilience.degradation.states import AppLevel, DegradationState, state_of
from resilience.degradation.switchboard import Switchboard
from resilience.degradation.switches import BY_LEVEL, BY_RULE, Switch
from resilience.errors import ConfigurationError

MANUAL = "manual"
"""The trigger of what a person does: it forces the level."""

HEALER = "healer"
"""The trigger of a component that could not be recovered."""

APP = "app"
"""The component of events about the level of the whole app."""


class Degradation(Switchboard):
    """The level of service of one system, and its features.

    Reading and evaluating never waits, and never raises. Orders whose time is up end by
    themselves.

    Args:
        runtime: the system's clock, chance, events and background engine.
        measures: what rules can look at from the start.

    Attributes:
        at_rest: the level is normal, and time alone does not change that: for every request to
            read; while it is False, `level` tells.
    """

    def __init__(self, runtime: Runtime, measures: Measures) -> None:
        super().__init__(runtime)
        self._controller = Controller(measures)
        self._own_rules: list[Rule] = []
        self._order: Order | None = None
        self._shown = AppLevel(Level.NORMAL, runtime.started_at)
        self.at_rest = True
        self._duty = runtime.engine.every(
            self._settings.check_interval, self.step, name="degradation", jitter=0.0
        )
        _parts.add(self)

    # -- the level ----------------------------------------------------------------------------

    @property
    def level(self) -> Level:
        """The level of service now."""
        if self._runtime.clock.monotonic() >= self._until:  # for every request to ask
            self.settle()
        return self._shown.level

    def state(self) -> DegradationState:
        """Return the level of service now, why, and what follows for each feature."""
        self._settle_if_due()
        with self._lock:
            shown, rules = self._shown, self._controller.rules
            features = tuple(state_of(each) for each in self.features)
        return DegradationState(
            shown.level, shown.since, shown.reason, shown.trigger, shown.actor, shown.ends,
            features, rules,
        )  # fmt: skip

    @property
    def rules(self) -> tuple[RuleState, ...]:
        """Every rule that is followed, with what it last saw."""
        return self._controller.rules

    def degrade(
        self,
        level: Level | str,
        reason: str,
        trigger: str = MANUAL,
        actor: str | None = None,
        for_: Seconds | None = None,
    ) -> None:
        """Go to a level.

        By hand it is forced: it holds, whatever rules say, until `for_` is over or `recover`. Any
        other trigger asks for it as a rule does: the app goes no less deep than that, and comes
        back one level at a time when nobody asks any more.

        Args:
            level: normal, reduced, minimal or emergency; by hand also normal.
            reason: why, for those who look.
            trigger: "manual", or who asks: "healer", "chaos", "automatic".
            actor: who orders it.
            for_: seconds, > 0, that it lasts (or a `timedelta`); default by hand the setting
                `forced_for` (an hour), else a minute.

        Raises:
            ConfigurationError: no such level, or a value out of range.
        """
        if text("trigger", trigger) == MANUAL:
            self._force(as_level("level", level), reason, actor, for_)
            return
        wanted, why = below_normal("level", level), said_reason(reason)
        lasts = MINUTE if for_ is None else seconds("for_", for_)
        with self._lock:
            now = self._runtime.clock.monotonic()
            if self._settings.enabled:
                self._controller.ask(Demand(wanted, why, trigger, now + lasts, actor), now)
            news = self._publish()
        self._tell(news)

    def step_down(
        self, reason: str, trigger: str = HEALER, at_most: Level | str = Level.MINIMAL
    ) -> Level:
        """Go one level deeper than now, but not beyond `at_most`; for recoveries that failed.

        Returns:
            The level then.
        """
        level = min(self.level.deeper, below_normal("at_most", at_most))
        self.degrade(level, reason, trigger)
        return self.level

    def recover(
        self, reason: str = "", actor: str | None = None, for_: Seconds | None = None
    ) -> None:
        """Go back to normal at once, whatever led away from it.

        Rules have to hold anew before they lead away again; with `for_` they don't for that time.

        Args:
            reason: why.
            actor: who orders it.
            for_: seconds, > 0, for which normal is forced (or a `timedelta`); None: it is not.
        """
        order = Order.of(Level.NORMAL, reason or "recovered", actor, for_, self._runtime.clock)
        with self._lock:
            self._controller.reset(order.reason, MANUAL, order.actor)
            self._order = None if for_ is None else order
            news = self._publish(because=order)
        self._tell(news)

    def orders(self) -> dict[str, Any]:
        """Return all orders in force as plain values: `{"level": order or None, "features": …}`.

        Features are `{name: {kind: order}}`, an order is `{"value", "reason", "actor", "ends"}`.
        """
        self._settle_if_due()
        with self._lock:
            level, features = self._order, self.features.orders()
        clock = self._runtime.clock
        return {
            "level": None if level is None else level.plain(clock),
            "features": {
                name: {kind: order.plain(clock) for kind, order in kinds.items()}
                for name, kinds in features.items()
            },
        }

    def restore(self, orders: Mapping[str, Any]) -> None:
        """Put orders in force that `orders` gave, in another process or before a restart.

        Those whose time is up stay out. What is ordered on a feature that nobody has described yet
        waits for it.

        Raises:
            ConfigurationError: they are not of that shape.
        """
        clock = self._runtime.clock
        level, features = plain_orders(orders, clock)
        with self._lock:
            self._order = level or self._order
            for name, kind, order in features:
                self.features.order(name, kind, order)
            news = self._publish()
        self._tell(news)

    def metric(self, name: str, read: Read, of: ReadOf | None = None) -> None:
        """Let rules look at a number.

        Args:
            name: what rules call it; without ":".
            read: returns the number now, or None while there is nothing to say. It is called in
                the background, every `check_interval`. While it raises, its rules are inactive.
            of: returns it of one part alone (a route, a circuit), for rules on `name:part`.

        Raises:
            ConfigurationError: no such name can be, or there is nothing to call.
        """
        self._controller.metrics.add(name, read, of)

    # -- settings and rules -------------------------------------------------------------------

    def check(self, settings: DegradationSettings, given: Given) -> None:
        """Refuse settings that could not be put in force; changes nothing.

        Raises:
            UnknownSettingError, ConfigurationError: says which, and what is allowed.
        """
        features = self.features.check(given)
        for rule in settings.rules:
            self._check_rule(rule, features)

    def configure(self, settings: DegradationSettings, given: Given) -> None:
        """Put settings in force that `check` lets pass; rules that stay go on as they are.

        Args:
            settings: the section `degradation`.
            given: its features, `{feature: {setting: (value, where it came from)}}`.
        """
        with self._lock:
            self.features.override(given)
            self._settings = settings
            self._follow()
            if not settings.enabled:
                self._controller.reset("switched off by the settings", "settings", None)
            news = self._publish()
        self._duty.interval = settings.check_interval
        self._tell(news)

    def rule(self, rule: Rule | Mapping[str, object]) -> None:
        """Follow a rule, besides those of the settings.

        Raises:
            ConfigurationError: it is about an unknown metric or feature.
        """
        made = Rule.of(rule)
        with self._lock:
            self._check_rule(made, self.features.names)
            self._own_rules.append(made)
            self._follow()

    def step(self) -> None:
        """Look at the metrics, and do what rules say; the background engine does it."""
        if self._settings.enabled:
            self._controller.measure(self._runtime.clock.monotonic())
        with self._lock:
            now = self._runtime.clock.monotonic()
            moved = self._settings.enabled and self._controller.step(now)
            news = self._publish() if moved or now >= self._until else []
        self._tell(news)

    def reset(self) -> None:
        """Go back to normal, and end all orders and limits; settings and rules stay."""
        with self._lock:
            self._controller.reset("", "", None)
            self._order = None
            self.features.release_all()
            news = self._publish()
        self._tell(news)

    def refresh(self) -> None:
        """Take up that the system's guards were switched on or off."""
        self.settle()

    def after_fork(self) -> None:
        """Replace the lock: one that another thread held at the fork stays locked for ever."""
        self._lock = Lock()

    def _follow(self) -> None:
        rules = [*self._own_rules, *self._settings.rules]
        self._controller.use(rules)
        # What the system measures itself is in memory; what others measure may take its time.
        self._duty.blocking = any(self._controller.metrics.may_wait(each.metric) for each in rules)

    def _check_rule(self, rule: Rule, known: Collection[str]) -> None:
        self._controller.metrics.check(rule.metric)
        for name in rule.features:
            if name not in known:
                raise ConfigurationError(
                    f"rule on {rule.metric!r}: unknown feature {name!r}"
                    f"{did_you_mean(name, known)}; describe it first, by @feature or in the "
                    f"settings"
                )

    def ends_in(self, switch: Switch) -> float | None:
        """Return the seconds, >= 0, until a feature may be on again; None: nobody can tell."""
        ends = switch.until
        if ends == inf and switch.cause == BY_LEVEL and self._order is not None:
            ends = self._order.until
        return max(0.0, ends - self._runtime.clock.monotonic()) if ends < inf else None

    # -- publishing ---------------------------------------------------------------------------

    def _force(self, level: Level, reason: str, actor: str | None, for_: Seconds | None) -> None:
        lasts = self._settings.forced_for if for_ is None else for_
        order = Order.of(level, reason, actor, lasts, self._runtime.clock)
        with self._lock:
            self._order = order
            news = self._publish(because=order)
        self._tell(news)

    def _publish(self, because: Order | None = None) -> News:
        """Work out level and features anew; return what is to be told."""
        now = self._runtime.clock.monotonic()
        self._end_order(now)
        before, self._shown = self._shown, self._now_shown()
        ends = self.features.drop_ended(now)
        self._until = ends if self._order is None else min(ends, self._order.until)
        self.at_rest = self._shown.level is Level.NORMAL and self._until == inf
        timed = self._order is not None and self._controller.is_below(self._shown.level)
        changes = self.features.publish(self._standing, self._settings.levels, timed=timed)
        news: News = []
        if before.level is not self._shown.level:
            news.append((signals.degradation_changed, APP, self._shown.change_from(before)))
        return news + self._news_of(changes, because)

    def _end_order(self, now: float) -> None:
        order, app = self._order, self._controller.app
        if order is None or order.until > now:
            return
        self._order = None
        if app.level is Level.NORMAL:
            app.say(f"over: {order.reason}", MANUAL, order.actor)

    def _now_shown(self) -> AppLevel:
        order, app = self._order, self._controller.app
        if order is None:
            found = AppLevel(app.level, 0.0, app.reason or None, app.trigger or None, app.actor)
        else:
            reason = order.reason or None
            found = AppLevel(order.value, 0.0, reason, MANUAL, order.actor, order.ends)
        same = found.level is self._shown.level
        return replace(found, since=self._shown.since if same else self._runtime.clock.time())

    def _standing(self, feature: str) -> Standing:
        """Return the level that counts for a feature, and why it is that."""
        ladder = self._controller.ladder_of(feature)
        forced_normal = self._order is not None and self._order.value is Level.NORMAL
        if ladder is not None and ladder.level > self._shown.level and not forced_normal:
            return Standing(ladder.level, BY_RULE, ladder.reason)
        return Standing(self._shown.level, BY_LEVEL, self._shown.reason or "")

    def _left_of_unknown(self, name: object) -> float:
        if isinstance(name, str):
            self.features.complain(name, "no feature is called %r: it counts as one with defaults")
        return Feature("unknown").left_at(self._shown.level, self._settings.levels)


_parts: weakref.WeakSet[Degradation] = weakref.WeakSet()


def _after_fork() -> None:
    for part in list(_parts):
        part.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
