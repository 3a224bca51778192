"""OpenFeature, both ways: our features as its provider, and its flags as settings of features.

    from openfeature import api
    from resilience import system
    from resilience.telemetry.openfeature import ResilienceProvider

    api.set_provider_and_wait(ResilienceProvider(system.degradation))

The other way round it is `system.degradation.follow(client)`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

try:
    from openfeature import api
    from openfeature.client import OpenFeatureClient
    from openfeature.evaluation_context import EvaluationContext
    from openfeature.event import ProviderEventDetails
    from openfeature.exception import ErrorCode
    from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
    from openfeature.provider import AbstractProvider, Metadata
except ImportError as error:
    raise ImportError(
        "OpenFeature is not installed: pip install 'resilience-web[openfeature]'"
    ) from error

from resilience.errors import ConfigurationError
from resilience.events import Event

log = logging.getLogger("resilience")

T = TypeVar("T")
Context = EvaluationContext | None
Object = Sequence[FlagValueType] | Mapping[str, FlagValueType]


class FeatureState(Protocol):
    """What is told of a feature."""

    @property
    def capability(self) -> float:
        """Percent 0-100 of it that is left."""
        ...

    @property
    def rollout(self) -> float:
        """Percent 0-100 of keys or calls that have it at all."""
        ...

    @property
    def cause(self) -> str:
        """Why it is less than all of it; "" while it is not."""
        ...


class Features(Protocol):
    """What the provider asks: `system.degradation`."""

    def feature(self, name: str) -> FeatureState | None:
        """Return a feature as it is now, or None."""
        ...

    def enabled(self, name: str, default: bool | None = None, *, key: object = None) -> bool:
        """Tell whether a feature is on for `key`."""
        ...

    def on_change(self, listener: Callable[[Event], Any]) -> Callable[[], None]:
        """Call `listener(event)` when a feature changes; returns what ends that."""
        ...


class ResilienceProvider(AbstractProvider):
    """Features as OpenFeature flags: from memory, and by the targeting key.

    A boolean is whether the feature is on, a number what is left of it in percent, an object both
    and the rollout. It has no texts. Its readers hear of every change.

    Args:
        features: `system.degradation`.
    """

    def __init__(self, features: Features) -> None:
        super().__init__()
        self._features = features
        self._unsubscribe: Callable[[], None] | None = None

    def get_metadata(self) -> Metadata:
        """Return its name."""
        return Metadata("resilience")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Begin to tell of changes."""
        self.shutdown()
        self._unsubscribe = self._features.on_change(self._changed)

    def shutdown(self) -> None:
        """Tell of nothing any more."""
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        if unsubscribe is not None:
            unsubscribe()

    # The SDK passes these by keyword: their names are its own.
    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: Context = None
    ) -> FlagResolutionDetails[bool]:
        """Return whether a feature is on, for the targeting key where there is one."""
        key = None if evaluation_context is None else evaluation_context.targeting_key
        return self._resolve(
            flag_key,
            default_value,
            lambda feature: self._features.enabled(flag_key, default_value, key=key),
        )

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: Context = None
    ) -> FlagResolutionDetails[int]:
        """Return what is left of a feature, in whole percent, rounded down."""
        return self._resolve(flag_key, default_value, lambda feature: int(feature.capability))

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: Context = None
    ) -> FlagResolutionDetails[float]:
        """Return what is left of a feature, in percent."""
        return self._resolve(flag_key, default_value, lambda feature: feature.capability)

    def resolve_object_details(
        self, flag_key: str, default_value: Object, evaluation_context: Context = None
    ) -> FlagResolutionDetails[Object]:
        """Return `{"enabled", "capability", "rollout"}`."""
        key = None if evaluation_context is None else evaluation_context.targeting_key
        return self._resolve(
            flag_key,
            default_value,
            lambda feature: {
                "enabled": self._features.enabled(flag_key, key=key),
                "capability": feature.capability,
                "rollout": feature.rollout,
            },
        )

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: Context = None
    ) -> FlagResolutionDetails[str]:
        """Refuse: no feature is a text."""
        if self._features.feature(flag_key) is None:
            return _not_found(flag_key, default_value)
        message = f"feature {flag_key!r} is no text: ask for a boolean, a number or an object"
        return FlagResolutionDetails(
            default_value, ErrorCode.TYPE_MISMATCH, message, reason=Reason.ERROR
        )

    def _resolve(
        self, flag_key: str, default_value: T, value_of: Callable[[FeatureState], T]
    ) -> FlagResolutionDetails[T]:
        feature = self._features.feature(flag_key)
        if feature is None:
            return _not_found(flag_key, default_value)
        metadata = {"capability": feature.capability, "rollout": feature.rollout}
        return FlagResolutionDetails(
            value_of(feature),
            reason=_reason(feature),
            flag_metadata={**metadata, "cause": feature.cause},
        )

    def _changed(self, event: Event) -> None:
        details = ProviderEventDetails(flags_changed=[event.component])
        self.emit_provider_configuration_changed(details)


def _not_found(flag_key: str, default_value: T) -> FlagResolutionDetails[T]:
    message = f"no feature {flag_key!r}"
    return FlagResolutionDetails(
        default_value, ErrorCode.FLAG_NOT_FOUND, message, reason=Reason.ERROR
    )


def _reason(feature: FeatureState) -> Reason:
    """Return why a feature has the value it has, in OpenFeature's words."""
    share = feature.capability * feature.rollout
    if share <= 0:
        return Reason.DISABLED
    return Reason.SPLIT if share < 100 * 100 else Reason.STATIC


class Flags:
    """An OpenFeature client's flags as settings of features: read in the background only.

    A boolean flag of a feature's name is its `enabled`, a number its `rollout` in percent. A flag
    that is not there says nothing. One that cannot be read stays what it was.

    Args:
        client: whose flags are read; None: the default client's.

    Raises:
        ConfigurationError: its provider is our own; a feature would follow itself.
    """

    def __init__(self, client: OpenFeatureClient | None = None) -> None:
        self._client = api.get_client() if client is None else client
        self._known: dict[str, dict[str, Any]] = {}
        self._failing: set[str] = set()
        self._refuse_own_provider()

    def read(self, names: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return `{feature: {"enabled" or "rollout": value}}`; waits for what the provider does.

        Raises:
            ConfigurationError: the client's provider has become our own.
        """
        self._refuse_own_provider()
        for name in names:
            try:
                found = self._one(name)
            except (LookupError, TypeError, ValueError) as error:
                self._complain(name, error)
                continue
            self._failing.discard(name)
            if found is None:
                self._known.pop(name, None)
            else:
                self._known[name] = found
        return {name: dict(found) for name, found in self._known.items()}

    def _one(self, name: str) -> dict[str, Any] | None:
        """Return what a flag says of a feature; None where there is no such flag.

        Raises:
            LookupError: it cannot be read.
            ValueError: it is no percentage.
        """
        boolean = self._client.get_boolean_details(name, True)
        if boolean.error_code is None:
            return {"enabled": boolean.value}
        if boolean.error_code is ErrorCode.FLAG_NOT_FOUND:
            return None
        for read in (self._client.get_float_details, self._client.get_integer_details):
            if boolean.error_code is not ErrorCode.TYPE_MISMATCH:
                break
            number: Any = read(name, 100)
            if number.error_code is None:
                return {"rollout": _percent(number.value)}
        raise LookupError(f"{boolean.error_code}: {boolean.error_message}")

    def _refuse_own_provider(self) -> None:
        if isinstance(self._client.provider, ResilienceProvider):
            raise ConfigurationError(
                "this client's provider is ResilienceProvider: features would follow themselves"
            )

    def _complain(self, name: str, error: Exception) -> None:
        if name not in self._failing:
            log.warning("flag %r cannot be read, and stays what it was: %s", name, error)
        self._failing.add(name)


def _percent(value: float) -> float:
    if not 0 <= value <= 100:
        raise ValueError(f"{value!r} is no percentage")
    return float(value)
