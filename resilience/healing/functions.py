"""Functions as recovery actions: what `@healer.action("database")` is put on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from resilience.core.checks import function
from resilience.core.guard import name_of
from resilience.core.kinds import Kind, kind_of
from resilience.errors import ConfigurationError
from resilience.healing.actions import Action, ActionOptions

LONGEST_NAME = 200


class FunctionAction(Action):
    """A plain or async function as an action.

    Args:
        component: what it recovers.
        act: the function; takes no argument.
        measure: returns a plain value that `act` changes; None: nothing is measured.
        options: those of `Action`; its name is the function's by default.
    """

    def __init__(
        self,
        component: str,
        act: Callable[[], Any],
        *,
        measure: Callable[[], Any] | None = None,
        **options: Unpack[ActionOptions],
    ) -> None:
        self._act = function("action", act, 0)
        self._measure = None if measure is None else _plain("action: measure", measure)
        if options.get("name") is None:
            options["name"] = name_of(act)[:LONGEST_NAME]
        super().__init__(component, **options)

    def act(self) -> Any:
        """Call the function."""
        return self._act()

    def measure(self) -> Any:
        """Return what the function given for it returns."""
        return None if self._measure is None else self._measure()


def _plain(setting: str, measure: Any) -> Callable[[], Any]:
    if kind_of(function(setting, measure, 0)) is Kind.SYNC:
        return measure  # type: ignore[no-any-return]
    raise ConfigurationError(
        f"{setting}={measure!r}: give a plain function; two coroutines always differ"
    )
