"""The healer as a layer of a guard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from resilience.core.checks import duration, text
from resilience.core.guard import Guard
from resilience.core.names import did_you_mean, shown
from resilience.core.rescue import SHELLS
from resilience.core.trigger import Trigger
from resilience.errors import UnknownSettingError
from resilience.healing.care import Terms
from resilience.healing.failures import severity
from resilience.healing.functions import LONGEST_NAME
from resilience.healing.healer import Healer
from resilience.healing.means import labels
from resilience.healing.settings import category, strategies

DEFAULTS: Mapping[str, Any] = {
    "category": None,
    "severity": "medium",
    "on": Exception,
    "ignore": (),
    "strategy": None,
    "max_wait": None,
}


class HealLayer:
    """Recovers what a function calls when it fails, and makes the call again.

    Args:
        healer: the system's.
        component: what it calls; default: its circuit's name, else its own.
        options: those of `@heal`.

    Raises:
        UnknownSettingError, ConfigurationError: an option is refused.
    """

    __slots__ = ("_component", "_healer", "_name", "_options", "_terms")

    role = "heal"

    def __init__(self, healer: Healer, component: str | None, options: Mapping[str, Any]) -> None:
        for name in options:
            if name not in DEFAULTS:
                meant = did_you_mean(name, DEFAULTS)
                raise UnknownSettingError(f"@heal: unknown argument {name!r}{meant}")
        self._healer = healer
        self._component = None if component is None else text("@heal: component", component)
        self._options = dict(options)
        self._terms = _checked({**DEFAULTS, **options})
        self._name = component or ""

    @property
    def healed(self) -> str:
        """The component that is recovered; "" until it is attached without a name."""
        return self._name

    def attach(self, guard: Guard) -> None:
        """Fit any function."""

    def wrap(self, call: Callable[..., Any], guard: Guard) -> Callable[..., Any]:
        """Return `call` with its component recovered when it fails."""
        self._name = self._component or guard.component
        retries = guard.layer("retry") is not None
        terms = Terms(guard.name[:LONGEST_NAME], retries=retries, **self._terms)
        return SHELLS[guard.kind](self._healer.care(self._name, terms), call)

    def describe(self) -> Iterator[str]:
        """Yield the component and the settings, each with its source."""
        yield f"heal {self._name!r}"
        values = {**DEFAULTS, **self._options}
        for name in ("category", "severity", "on", "ignore"):
            source = "decorator" if name in self._options else "default"
            yield f"{name} = {shown(values[name])}  ({source})"
        yield from self._settings_in_force()

    def _settings_in_force(self) -> Iterator[str]:
        settings = self._healer.settings
        if self._terms["strategies"] is not None:
            yield f"strategy = {', '.join(labels(self._terms['strategies']))}  (decorator)"
        elif self._terms["category"] is not None:
            chosen = settings.strategies_for(self._terms["category"])
            yield f"strategy = {', '.join(labels(chosen))}  (healer)"
        else:
            yield "strategy = by category  (healer)"
        own = self._terms["max_wait"]
        wait, source = (settings.max_wait, "healer") if own is None else (own, "decorator")
        yield f"max_wait = {wait}  ({source})"

    def __reduce__(self) -> Any:
        return HealLayer, (self._healer, self._component, self._options)


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `Terms` that the options of `@heal` mean."""
    strategy, wait = given["strategy"], given["max_wait"]
    return {
        "category": None if given["category"] is None else category("@heal", given["category"]),
        "severity": severity("@heal: severity", given["severity"]),
        "trigger": Trigger(given["on"], given["ignore"]),
        "max_wait": None if wait is None else duration("@heal: max_wait", wait),
        "strategies": None if strategy is None else strategies("@heal: strategy", strategy),
    }
