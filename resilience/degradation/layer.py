"""The feature as a layer of a guard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from resilience import signals
from resilience.core import choice
from resilience.core.guard import Guard
from resilience.core.kinds import Kind
from resilience.core.names import NOTHING, shown
from resilience.errors import FeatureDisabledError
from resilience.strategies.sources import Source

if TYPE_CHECKING:
    from resilience.degradation.service import Degradation
    from resilience.degradation.switches import Switch

_SHELLS = {
    Kind.SYNC: choice.choose_sync,
    Kind.ASYNC: choice.choose_async,
    Kind.GENERATOR: choice.choose_generator,
    Kind.ASYNC_GENERATOR: choice.choose_async_generator,
}


class FeatureLayer:
    """Makes a function's calls only for those who have a feature.

    Args:
        degradation: the system's level of service.
        name: the feature's name.
        options: the arguments of `Feature`; none: as it is described elsewhere.
        otherwise: a value, or a function of the call's arguments, to answer with where it is off;
            `NOTHING`: raise `FeatureDisabledError`.
    """

    __slots__ = ("_degradation", "_name", "_options", "_otherwise", "_source", "_switch")

    role = "feature"

    def __init__(
        self, degradation: Degradation, name: str, options: Mapping[str, Any], otherwise: Any
    ) -> None:
        self._degradation = degradation
        self._name = name
        self._options = options
        self._otherwise = otherwise
        self._source = None if otherwise is NOTHING else Source(otherwise)
        self._switch: Switch | None = None

    @property
    def feature(self) -> str:
        """The feature's name."""
        return self._name

    def attach(self, guard: Guard) -> None:
        """Describe the feature, and check that `otherwise` fits the function."""
        if self._source is not None:
            self._source.check(guard, "otherwise")
        if self._switch is None:
            self._switch = self._degradation.declare(self._name, self._options, owner=guard.name)

    def wrap(self, call: Callable[..., Any], guard: Guard) -> Callable[..., Any]:
        """Return `call` as it is made for those who have the feature."""
        return _SHELLS[guard.kind](self.switch, self, call)

    @property
    def switch(self) -> Switch:
        """The feature as it is in force."""
        assert self._switch is not None
        return self._switch

    def admits(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Tell whether a call has the feature."""
        return self._degradation.admits_call(self.switch, args, kwargs)

    def instead(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the answer of a call that has not.

        Raises:
            FeatureDisabledError: there is none.
        """
        error = FeatureDisabledError(self._name, self._degradation.ends_in(self.switch))
        if self._source is None:
            data = {"reason": "feature_off", "retry_after": error.retry_after}
            self._degradation.tell(signals.call_rejected, self._name, data)
            raise error
        return self._source.answer(error, args, kwargs)

    def __reduce__(self) -> Any:
        return FeatureLayer, (self._degradation, self._name, self._options, self._otherwise)

    def describe(self) -> Iterator[str]:
        """Yield the feature's settings, each with its source, and what is in force."""
        yield f"feature {self._name!r}"
        for name, (value, source) in self._degradation.features.origins(self._name).items():
            yield f"{name} = {shown(value)}  ({source})"
        if self._source is not None:
            yield f"otherwise {self._source.name}  (decorator)"
        switch = self.switch
        for kind, order in switch.orders.items():
            yield f"{kind} = {order.value}  (operator {order.actor or 'unknown'}: {order.reason})"
        if switch.cause:
            yield f"{switch.capability:g} % left  ({switch.cause}: {switch.why})"
