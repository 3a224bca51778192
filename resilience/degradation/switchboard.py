"""The features of a system: described in code, switched by level, ordered by operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from math import inf
from threading import Lock
from typing import TYPE_CHECKING, Any

from blinker import NamedSignal

from resilience import signals
from resilience.core.checks import text
from resilience.core.runtime import Homed, Runtime
from resilience.core.stopwatch import Stopwatch
from resilience.degradation.features import Feature, percent
from resilience.degradation.orders import ENABLED, KILL, ROLLOUT, Order, said_reason
from resilience.degradation.registry import Changes, Features, Options
from resilience.degradation.settings import DegradationSettings
from resilience.degradation.states import FeatureState, state_of
from resilience.degradation.switches import Shown, Switch
from resilience.errors import ConfigurationError
from resilience.events import Event

if TYPE_CHECKING:
    from openfeature.client import OpenFeatureClient
Seconds = float | timedelta
FLAGS = "openfeature"
"""Where a setting came from that a flag service gave."""

News = list[tuple[NamedSignal, str, Mapping[str, Any]]]


class Switchboard(Homed):
    """The features of one system, and what operators do with them.

    Evaluating never raises, never waits, and takes no lock. Changes are made under the lock and
    told after it. What the level is, is for the subclass to say.

    Args:
        runtime: the system's clock, chance and events.
    """

    def __init__(self, runtime: Runtime) -> None:
        super().__init__()
        self._runtime = runtime
        self._settings = DegradationSettings()
        self._lock = Lock()
        self._until = inf  # monotonic seconds of the first end of any order
        self.features = Features(runtime)

    # -- describing ---------------------------------------------------------------------------

    def declare(self, name: str, options: Options, owner: str | None = None) -> Switch:
        """Return the switch of a feature that code describes, made now if it is new.

        Args:
            name: the feature's name.
            options: the arguments of `Feature`; none: whatever it is described as elsewhere.
            owner: `module.qualname` of the function that is decorated. The same one may come
                again with other options: they take the place of its first ones.

        Raises:
            ConfigurationError: it is described otherwise elsewhere, or a value is out of range.
        """
        with self._lock:
            switch = self.features.declare(name, options, owner)
            news = self._publish()
        self._tell(news)
        return switch

    def add(self, feature: Feature) -> None:
        """Describe a feature.

        Raises:
            ConfigurationError: it is described otherwise elsewhere.
        """
        if not isinstance(feature, Feature):
            raise ConfigurationError(f"{feature!r}: give a Feature")
        self.declare(feature.name, feature.options())

    def follow(
        self, client: OpenFeatureClient | None = None, interval: Seconds = 10.0
    ) -> Callable[[], None]:
        """Take settings of features from flags of the same names; they are over other settings.

        A boolean flag is the feature's `enabled`, a number its `rollout` in percent. They are read
        in the background, so that no call ever waits for a flag service.

        Args:
            client: an OpenFeature client; None: the default one.
            interval: seconds, > 0, between two looks (or a `timedelta`).

        Returns:
            What ends it; the other settings count again then.

        Raises:
            ImportError: the extra `openfeature` is not installed.
            ConfigurationError: the client asks this package's own provider.
        """
        from resilience.telemetry.openfeature import Flags

        flags = Flags(client)

        def look() -> None:
            found = flags.read(self.features.names)
            if not duty.cancelled:
                self._put_flags(found)

        duty = self._runtime.engine.every(interval, look, name="openfeature", blocking=True)

        def end() -> None:
            duty.cancel()
            self._put_flags({})

        return end

    def _put_flags(self, flags: Mapping[str, Mapping[str, Any]]) -> None:
        given = {
            name: {setting: (value, FLAGS) for setting, value in options.items()}
            for name, options in flags.items()
        }
        with self._lock:
            self.features.heed(given)
            news = self._publish()
        self._tell(news)

    # -- evaluating ---------------------------------------------------------------------------

    def feature(self, name: str) -> FeatureState | None:
        """Return a feature as it is now; None where nobody described it."""
        self._settle_if_due()
        switch = self.features.find(name)
        return None if switch is None else state_of(switch)

    def on_change(self, listener: Callable[[Event], Any]) -> Callable[[], None]:
        """Call `listener(event)` whenever a feature changes; returns what ends that."""

        def heard(event: Event) -> Any:
            return listener(event) if event.type == signals.feature_changed.name else None

        return self._runtime.bus.subscribe(heard)

    def enabled(self, name: str, default: bool | None = None, *, key: object = None) -> bool:
        """Tell whether a feature is on, for whoever asks. Never raises, never waits.

        Args:
            name: the feature's name.
            default: the answer where there is no such feature; None: as if it were one with
                nothing but defaults.
            key: whose it is (user, tenant); default: what the feature's own `key` says. Of a
                feature that is there in part the same keys have it every time; without a key,
                chance decides.
        """
        try:
            switch = self.features.find(name)
        except TypeError:  # no name at all
            switch = None
        if switch is None:
            return self._left_of_unknown(name) > 0 if default is None else default
        return switch.on or self.admits(switch, key)

    def admits(self, switch: Switch, key: object) -> bool:
        """Tell whether a feature that is not simply on is on for `key`, or its own key."""
        self._settle_if_due()
        if key is not None:
            return self.features.decide(switch, key, has_key=True)
        found, has_key = self.features.key_of(switch.feature, (), {})
        return self.features.decide(switch, found, has_key=has_key)

    def admits_call(self, switch: Switch, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Tell the same for a call with these arguments."""
        self._settle_if_due()
        found, has_key = self.features.key_of(switch.feature, args, kwargs)
        return self.features.decide(switch, found, has_key=has_key)

    def capability(self, name: str, default: float | None = None) -> float:
        """Return how much of a feature is left, in percent, 0-100. Never raises, never waits.

        Args:
            name: the feature's name.
            default: the answer where there is no such feature; None: as if it were one with
                nothing but defaults.
        """
        self._settle_if_due()
        try:
            switch = self.features.find(name)
        except TypeError:
            switch = None
        if switch is None:
            return self._left_of_unknown(name) if default is None else default
        self.features.note(switch)
        return switch.capability

    # -- timing -------------------------------------------------------------------------------

    def time(self, name: str) -> Stopwatch:
        """Return what times a feature's calls from now on.

        Raises:
            ConfigurationError: no such feature, or it is timed already.
        """
        with self._lock:
            switch = self.features[name]
            if switch.stopwatch is not None:
                raise ConfigurationError(f"feature {name!r} is dimmed already: stop that first")
            switch.stopwatch = stopwatch = Stopwatch(self._runtime.clock)
            news = self._publish()
        self._tell(news)
        return stopwatch

    def time_no_more(self, name: str) -> None:
        """Time a feature's calls no more."""
        with self._lock:
            self.features[name].stopwatch = None
            news = self._publish()
        self._tell(news)

    # -- ordering -----------------------------------------------------------------------------

    def limit(self, name: str, left: float | None, by: str, reason: str = "") -> None:
        """Leave only part of a feature, besides what level and rules leave.

        Args:
            name: the feature's name.
            left: percent, 0-100; None: all of it, as far as `by` is concerned.
            by: who limits it; each has one limit, and the lowest counts.
            reason: why.

        Raises:
            ConfigurationError: no such feature, or a value out of range.
        """
        text("by", by)
        with self._lock:
            switch = self.features[name]
            if left is None:
                switch.limits.pop(by, None)
            else:
                switch.limits[by] = (percent("left", left), said_reason(reason))
            news = self._publish()
        self._tell(news)

    def enable(
        self,
        name: str,
        reason: str = "",
        actor: str | None = None,
        for_: Seconds | None = None,
    ) -> None:
        """Have a feature in full whatever level, rules and settings say, but not over a kill.

        Args:
            name: the feature's name.
            reason: why.
            actor: who orders it.
            for_: seconds, > 0, that it lasts (or a `timedelta`); default: the setting
                `forced_for`, an hour.

        Raises:
            ConfigurationError: no such feature, or a value out of range.
        """
        self._command(name, ENABLED, True, reason, actor, self._lasts(for_))

    def disable(
        self,
        name: str,
        reason: str = "",
        actor: str | None = None,
        for_: Seconds | None = None,
    ) -> None:
        """Switch a feature off for `for_` seconds, an hour by default; as `enable`."""
        self._command(name, ENABLED, False, reason, actor, self._lasts(for_))

    def kill(
        self,
        name: str,
        reason: str = "",
        actor: str | None = None,
        for_: Seconds | None = None,
    ) -> None:
        """Switch a feature off over everything else, until it is released or `for_` is over."""
        self._command(name, KILL, True, reason, actor, for_)

    def set_rollout(
        self,
        name: str,
        rollout: float,
        reason: str = "",
        actor: str | None = None,
        for_: Seconds | None = None,
    ) -> None:
        """Have a feature for `rollout` percent, 0-100, of keys or calls; as `enable`."""
        left = percent("rollout", rollout)
        self._command(name, ROLLOUT, left, reason, actor, self._lasts(for_))

    def release(self, name: str, reason: str = "", actor: str | None = None) -> None:
        """End every order on a feature, a kill included."""
        with self._lock:
            for kind in list(self.features[name].orders):
                self.features.order(name, kind, None)
            news = self._publish(because=Order(None, said_reason(reason), actor, inf, None))
        self._tell(news)

    def _lasts(self, for_: Seconds | None) -> Seconds:
        return self._settings.forced_for if for_ is None else for_

    def _command(  # noqa: PLR0917 - an order in the order it is read
        self,
        name: str,
        kind: str,
        value: Any,
        reason: str,
        actor: str | None,
        for_: Seconds | None,
    ) -> None:
        order = Order.of(value, reason, actor, for_, self._runtime.clock)
        with self._lock:
            self.features.order(self.features[name].name, kind, order)
            news = self._publish(because=order)
        self._tell(news)

    # -- telling ------------------------------------------------------------------------------

    def settle(self) -> None:
        """End the orders whose time is up."""
        with self._lock:
            news = self._publish()
        self._tell(news)

    def _settle_if_due(self) -> None:
        if self._runtime.clock.monotonic() >= self._until:
            self.settle()

    def tell(self, signal: NamedSignal, component: str, data: Mapping[str, Any]) -> None:
        """Tell of something that happened to a feature."""
        self._runtime.bus.emit(signal, component, data)

    def _publish(self, because: Order | None = None) -> News:
        """Work out all that follows from what is in force; return what is to be told."""
        raise NotImplementedError

    def _tell(self, news: News) -> None:
        for signal, component, data in news:
            self._runtime.bus.emit(signal, component, data)

    def _left_of_unknown(self, name: object) -> float:
        """Return what is left of a feature that nobody described, in percent."""
        raise NotImplementedError

    @staticmethod
    def _news_of(changes: Changes, because: Order | None) -> News:
        return [
            (signals.feature_changed, switch.name, _change(switch, before, because))
            for switch, before in changes
        ]


def _change(switch: Switch, before: Shown, because: Order | None) -> dict[str, Any]:
    """Return what an event tells of a change: how much is left of the feature, and why."""
    capability, rollout, _ = before
    return {
        "enabled": switch.enabled,
        "capability": switch.capability,
        "rollout": switch.rollout,
        "before": {"capability": capability, "rollout": rollout},
        "cause": switch.cause or None,
        "reason": (because.reason if because is not None else switch.why) or None,
        "actor": None if because is None else because.actor,
        "ends": None if because is None else because.ends,
    }
