"""All features of a system, by name: described, ordered, evaluated."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from math import inf
from typing import Any, NamedTuple

from resilience.core import degraded
from resilience.core.names import ENVIRONMENT, as_variable, did_you_mean, shown
from resilience.core.overrides import Given, Overrides
from resilience.core.runtime import Runtime
from resilience.degradation.features import ALL, Feature
from resilience.degradation.levels import Level
from resilience.degradation.orders import Order
from resilience.degradation.switches import Shown, Switch, place_of
from resilience.errors import ConfigurationError

log = logging.getLogger("resilience")

KIND = "feature"

Options = Mapping[str, Any]
Changes = list[tuple[Switch, Shown]]
"""The switches that changed, with what was told of each before."""

MOST_COMPLAINTS = 100
"""Names of unknown features, or of broken keys, that are logged; made-up ones could be endless."""


class Standing(NamedTuple):
    """The level that counts for a feature: the app's, or the one that its own rules ask for."""

    level: Level
    cause: str
    why: str


class Features:
    """The features of one system. Changing them is for `Degradation`, under its lock.

    Args:
        runtime: the system's clock, chance and events.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._switches: dict[str, Switch] = {}
        self._declared: dict[str, Options] = {}
        self._owners: dict[str, str] = {}
        self._given: Given = {}
        self._flags: Given = {}
        self._overrides = Overrides(KIND)
        self._orders: dict[str, dict[str, Order]] = {}  # given before the feature was known
        self._complained: set[str] = set()

    def __iter__(self) -> Iterator[Switch]:
        return iter([self._switches[name] for name in self.names])

    def __len__(self) -> int:
        return len(self._switches)

    def __contains__(self, name: object) -> bool:
        return name in self._switches

    def __getitem__(self, name: str) -> Switch:
        try:
            return self._switches[name]
        except KeyError:
            known = did_you_mean(name, self._switches)
            raise ConfigurationError(f"no feature {name!r}{known}") from None

    @property
    def names(self) -> list[str]:
        """The names of all features, sorted."""
        return sorted(self._switches)

    def find(self, name: str) -> Switch | None:
        """Return the switch of that name, or None."""
        return self._switches.get(name)

    # -- describing ---------------------------------------------------------------------------

    def declare(self, name: str, options: Options, owner: str | None) -> Switch:
        """Return the switch of a feature as code describes it; see `Degradation.declare`."""
        feature = self._effective(name, options, self._overrides)
        before = self._declared.get(name)
        if before is not None and options and not self._is_again(name, owner):
            self._check_same(name, before, options)
        if before is None or options:
            self._declared[name] = dict(options)
            if owner is not None:
                self._owners.setdefault(name, owner)
            self._put(feature)
        return self._switches[name]

    def check(self, given: Given) -> dict[str, Feature]:
        """Return every feature as it would be with these settings over what code says.

        Args:
            given: `{feature: {setting: (value, where it came from)}}`.

        Raises:
            UnknownSettingError, ConfigurationError: names feature and setting.
        """
        overrides = Overrides(KIND, _laid_over(given, self._flags))
        names = dict.fromkeys((*self._declared, *self._named_by(given)))
        return {
            name: self._effective(name, self._declared.get(name, {}), overrides) for name in names
        }

    def override(self, given: Given) -> None:
        """Put settings by name in force, over what code says; those given before end."""
        features = self.check(given)
        self._given = given
        self._overrides = Overrides(KIND, _laid_over(given, self._flags))
        for name in [each for each in self._switches if each not in features]:
            # Only settings that are gone had described it; orders on it are not theirs to end.
            self._orders[name] = self._switches.pop(name).orders
        for feature in features.values():
            self._put(feature)

    def heed(self, flags: Given) -> None:
        """Put what a flag service says of known features in force, over the settings."""
        self._flags = flags
        self.override(self._given)

    def origins(self, name: str) -> dict[str, tuple[Any, str]]:
        """Return `{setting: (value in force, where it came from)}` of a feature."""
        feature, declared = self[name].feature, self._declared.get(name, {})
        return {
            setting: (getattr(feature, setting), self._overrides.source(name, setting, declared))
            for setting in ("enabled", "priority", "off_at", "capability", "rollout", "key")
        }

    def _named_by(self, given: Given) -> list[str]:
        """Return the features that settings describe; variables spell only some names in full."""
        by_variable = {as_variable(name).lower(): name for name in self._declared}
        return [
            by_variable.get(name, name)
            if all(source == ENVIRONMENT for _, source in options.values())
            else name
            for name, options in given.items()
        ]

    def _put(self, feature: Feature) -> None:
        switch = self._switches.get(feature.name)
        if switch is None:
            switch = self._switches[feature.name] = Switch(feature)
            switch.orders.update(self._orders.pop(feature.name, {}))
        switch.feature = feature

    @staticmethod
    def _effective(name: str, options: Options, overrides: Overrides) -> Feature:
        return Feature.of(name, overrides.over(name, options))

    def _is_again(self, name: str, owner: str | None) -> bool:
        return owner is not None and owner == self._owners.get(name) and "<lambda>" not in owner

    def _check_same(self, name: str, before: Options, options: Options) -> None:
        if not before or Feature.of(name, before) == Feature.of(name, options):
            return
        where = f" by {self._owners[name]}" if name in self._owners else ""
        raise ConfigurationError(
            f"feature {name!r} is described{where} with {_listed(before)}, and here with "
            f"{_listed(options)}: describe it once, or with the same arguments"
        )

    # -- ordering -----------------------------------------------------------------------------

    def order(self, name: str, kind: str, order: Order | None) -> None:
        """Put an operator's order in force, or with None end it; kept for unknown features."""
        switch = self._switches.get(name)
        orders = self._orders.setdefault(name, {}) if switch is None else switch.orders
        if order is None:
            orders.pop(kind, None)
        else:
            orders[kind] = order

    def release_all(self) -> None:
        """End all orders and limits, also those on features that nobody has described yet."""
        self._orders.clear()
        for switch in self._switches.values():
            switch.orders.clear()
            switch.limits.clear()

    def orders(self) -> dict[str, dict[str, Order]]:
        """Return all orders in force, `{feature: {kind: order}}`."""
        known = {each.name: each.orders for each in self}
        every = {**self._orders, **known}
        return {name: dict(orders) for name, orders in every.items() if orders}

    # -- evaluating ---------------------------------------------------------------------------

    def decide(self, switch: Switch, key: object, *, has_key: bool) -> bool:
        """Tell whether a call has a feature that is not simply on; marks the request if not.

        Args:
            switch: the feature.
            key: whose call it is.
            has_key: False: it is nobody's, and chance decides.
        """
        if switch.stopwatch is not None:
            switch.stopwatch.asked += 1
        share = switch.rollout * switch.capability / ALL
        if share >= ALL:
            return True
        place = 0.0
        if share > 0 or 0 < switch.rollout < ALL:
            place = self._place(switch.name, key) if has_key else self._chance(switch.name)
        if place >= switch.rollout:
            return False
        if place < share:
            return True
        if switch.stepped_down:
            degraded.mark(switch.name, "off")
        return False

    def note(self, switch: Switch) -> None:
        """Mark the request degraded if the feature is less than it should be."""
        if switch.stepped_down:
            degraded.mark(switch.name, "limited" if switch.capability > 0 else "off")

    def key_of(
        self, feature: Feature, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[object, bool]:
        """Return whose call it is, and whether that could be found."""
        if feature.key is None:
            return None, False
        try:
            key = feature.key(*args, **kwargs)
        except Exception:
            self.complain(feature.name, "feature %r: its key failed; chance decides", True)
            return None, False
        return key, key is not None

    def complain(self, name: object, text: str, with_error: bool = False) -> None:
        """Log something about a feature, once for each name."""
        if str(name) not in self._complained and len(self._complained) < MOST_COMPLAINTS:
            self._complained.add(str(name))
            log.warning(text, name, exc_info=with_error)

    def _place(self, name: str, key: object) -> float:
        try:
            return place_of(name, key)
        except Exception:
            self.complain(name, "feature %r: its key has no text; chance decides", True)
            return self._chance(name)

    def _chance(self, name: str) -> float:
        """Return a place by chance: in a request the same for all that it asks of a feature."""
        drawn = degraded.chance(self._runtime.random.random)
        return self._runtime.random.random() * ALL if drawn is None else place_of(name, drawn)

    # -- publishing ---------------------------------------------------------------------------

    def drop_ended(self, now: float) -> float:
        """Forget orders whose time is up; return when the next one ends, in monotonic seconds."""
        for orders in self._orders.values():
            for kind in [kind for kind, order in orders.items() if order.until <= now]:
                del orders[kind]
        for switch in self._switches.values():
            switch.drop_ended(now)
        return min((each.until for each in self._switches.values()), default=inf)

    def publish(
        self, standing: Callable[[str], Standing], floors: Mapping[str, float], *, timed: bool
    ) -> Changes:
        """Work out every switch anew; return those that changed.

        Args:
            standing: tells by name which level counts for a feature.
            floors: `{level: priority}` below which features are off.
            timed: True while more may go off when some order ends: calls look at the clock then.
        """
        changes: Changes = []
        for switch in self._switches.values():
            switch.publish(*_left(switch.feature, standing(switch.name), floors))
            full = switch.capability >= ALL and switch.rollout >= ALL
            timed_itself = timed or switch.until < inf
            plain = full and not timed_itself and switch.stopwatch is None
            switch.on = not self._runtime.active or plain
            told = switch.news()
            if told is not None:
                changes.append((switch, told))
        return changes


def _laid_over(given: Given, flags: Given) -> Given:
    """Return the settings of both; flags win."""
    names = dict.fromkeys((*given, *flags))
    return {name: {**given.get(name, {}), **flags.get(name, {})} for name in names}


def _left(
    feature: Feature, stands: Standing, floors: Mapping[str, float]
) -> tuple[float, str, str]:
    """Return how much the level leaves of a feature, and why; no reason for what is always so."""
    left, best = feature.left_at(stands.level, floors), feature.left_at(Level.NORMAL, floors)
    return (left, stands.cause, stands.why) if left < best else (left, "", "")


def _listed(options: Options) -> str:
    return ", ".join(f"{name}={shown(value)}" for name, value in options.items()) or "defaults"
