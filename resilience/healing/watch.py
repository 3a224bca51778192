"""Actions that look for their trigger themselves, instead of waiting for a call to fail."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, TypeVar, Unpack

from resilience.core.runtime import Runtime
from resilience.healing.actions import Action, ActionOptions

W = TypeVar("W", bound="WatchfulAction")


class WatchfulAction(Action):
    """An action that is due by a condition, such as memory over a limit; over when that is.

    Args:
        component: what it recovers.
        options: those of `Action`; by default it is verified by its own condition.
    """

    def __init__(self, component: str, **options: Unpack[ActionOptions]) -> None:
        super().__init__(component, **options)
        if self.verify is None:
            self.verify = self._is_over

    @abstractmethod
    def due(self) -> str | None:
        """Return why it should run now, in words; None: it should not. Costs little."""

    def _is_over(self) -> bool:
        return self.due() is None

    def look(self) -> None:
        """Run it if it is due, and may run."""
        if self.refusal() is None and self.due() is not None:
            self.run()


def watch(runtime: Runtime, action: W, *, every: Any = 5.0) -> W:
    """Have a system's background engine look every so often; return the action.

    Args:
        runtime: the system's.
        action: what to run when it is due.
        every: seconds, > 0.
    """
    if action.clock is None:
        action.clock = runtime.clock
    runtime.engine.every(every, action.look, name=f"watching {action.component}", blocking=True)
    return action
