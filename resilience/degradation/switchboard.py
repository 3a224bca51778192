"""Features at work: asked for by calls, ordered by operators, limited by others."""

from __future__ import annotations

from math import inf
from typing import Any

from resilience.core.checks import text
from resilience.core.stopwatch import Stopwatch
from resilience.degradation.board import Board, Seconds
from resilience.degradation.features import percent
from resilience.degradation.orders import ENABLED, KILL, ROLLOUT, Order, said_reason
from resilience.degradation.switches import Switch
from resilience.errors import ConfigurationError


class Switchboard(Board):
    """What calls ask of features, and what operators do with them.

    Evaluating never raises, never waits, and takes no lock.
    """

    # -- evaluating ---------------------------------------------------------------------------

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
