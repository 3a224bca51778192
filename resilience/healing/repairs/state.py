"""State that turned out wrong, and the last one that was good."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Unpack

from resilience.core.checks import function
from resilience.errors import ConfigurationError
from resilience.healing.actions import Action, ActionOptions
from resilience.strategies.checkpoints import Checkpoint

log = logging.getLogger("resilience")


class RestoreState(Action):
    """Puts the last known good state back; if that does not help, the one before.

    What a checkpoint keeps has its SHA-256 and, by `valid`, its shape checked: a damaged one is
    passed over.

    Args:
        component: what it recovers.
        checkpoint: a `FileCheckpoint` or `MemoryCheckpoint`.
        put_back: takes a state and makes it the one in use.
        options: those of `Action`; its `verify` tells whether a state that was put back is good.

    Raises:
        ConfigurationError: one of them is refused.
    """

    def __init__(
        self,
        component: str,
        checkpoint: Checkpoint,
        put_back: Callable[[Any], object],
        **options: Unpack[ActionOptions],
    ) -> None:
        if not hasattr(checkpoint, "candidates"):
            raise ConfigurationError(
                f"RestoreState({component!r}): {checkpoint!r} is no checkpoint: "
                "give a FileCheckpoint or a MemoryCheckpoint"
            )
        self._checkpoint = checkpoint
        self._put_back = function("RestoreState: put_back", put_back, 1)
        self._in_use: str | None = None
        super().__init__(component, **options)

    def act(self) -> None:
        """Put back the newest state that is good.

        Raises:
            LookupError: there is none.
        """
        for saved in self._checkpoint.candidates():
            self._put_back(saved.value)
            if self.verify is None or self.verify():
                self._in_use = f"{'stale' if saved.stale else 'last'} state of {saved.at:.3f}"
                return
            log.warning("%s: the state of %s is not good either", self.component, saved.at)
        raise LookupError("no state that was kept is good")

    def measure(self) -> str | None:
        """Return which state it put back last; None: none so far."""
        return self._in_use

    def changed(self, before: Any, after: Any) -> bool | None:
        """Tell that a state was put back, were it the same one again."""
        return after is not None
