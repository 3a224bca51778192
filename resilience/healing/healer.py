"""The healer: hears of failures, and recovers what failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, Unpack, overload

from resilience.core.runtime import Runtime
from resilience.errors import ConfigurationError
from resilience.healing.actions import Action, ActionOptions, FunctionAction

A = TypeVar("A", bound=Action)
F = TypeVar("F", bound=Callable[[], Any])


class Healer:
    """Recovers the components of one system.

    Args:
        runtime: its system's clock, chance, events and background engine.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._actions: dict[str, list[Action]] = {}

    # -- what recovers what -------------------------------------------------------------------

    @overload
    def action(self, component: A, /) -> A: ...
    @overload
    def action(
        self,
        component: str,
        *,
        measure: Callable[[], Any] | None = None,
        **options: Unpack[ActionOptions],
    ) -> Callable[[F], F]: ...
    def action(self, component: Any, *, measure: Any = None, **options: Any) -> Any:
        """Register what recovers a component; the first one that applies is tried first.

        Write `@healer.action("database")` on a function without arguments, sync or async, or
        give an `Action`. An action of the same name for the same component takes the place of
        the earlier one.

        Args:
            component: the component's name, or an `Action`.
            measure: returns a plain value that the function changes, such as a count.
            options: those of `Action`.

        Raises:
            UnknownSettingError, ConfigurationError: an option is refused, or it is no function.
        """
        if isinstance(component, Action):
            return self._add(component)
        if not isinstance(component, str):
            raise ConfigurationError(
                f"action({component!r}): give a component's name, as in "
                f'@system.healer.action("database"), or an Action'
            )

        def register(act: Any) -> Any:
            self._add(FunctionAction(component, act, measure=measure, **options))
            return act

        FunctionAction(component, _nothing, measure=measure, **options)  # refused on its own line
        return register

    def actions(self, component: str) -> tuple[Action, ...]:
        """Return what is registered for a component, in the order it is tried."""
        return tuple(self._actions.get(component, ()))

    def _add(self, action: A) -> A:
        if action.clock is None:
            action.clock = self._runtime.clock
        others = [each for each in self.actions(action.component) if each.name != action.name]
        self._actions[action.component] = [*others, action]
        return action


def _nothing() -> None:
    """Stand in for a function that is not known yet."""
