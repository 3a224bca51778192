"""The features of a system as they are described, in force, and told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from math import inf
from threading import Lock
from typing import TYPE_CHECKING, Any

from blinker import NamedSignal

from resilience import signals
from resilience.core.runtime import Homed, Runtime
from resilience.degradation.features import Feature
from resilience.degradation.orders import Order
from resilience.degradation.registry import Changes, Features, Options
from resilience.degradation.settings import DegradationSettings
from resilience.degradation.states import FeatureState, state_of
from resilience.degradation.switches import Shown, Switch
from resilience.errors import ConfigurationError
from resilience.events import Event

if TYPE_CHECKING:
    from openfeature.client import OpenFeatureClient

Seconds = float | timedelta
News = list[tuple[NamedSignal, str, Mapping[str, Any]]]
"""What is to be told: `(signal, component, data)`."""

FLAGS = "openfeature"
"""Where a setting came from that a flag service gave."""


class Board(Homed):
    """The features of one system: described in code, by settings, and by flag services.

    Changes are made under the lock and told after it. What the level is, is for the subclass to
    say.

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

    # -- reading ------------------------------------------------------------------------------

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
