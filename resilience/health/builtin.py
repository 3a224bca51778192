"""Checks that ship, and what they are told."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from resilience.health.settings import TIMEOUT
from resilience.telemetry.host import Host


class BuiltIn:
    """A check that is told its time limit, and where to read the machine."""

    def look(self, limit: float, host: Host) -> Any:
        """Look once.

        Args:
            limit: seconds it has; connections give up after them.
            host: readings of the process and its machine.
        """
        raise NotImplementedError

    def __call__(self) -> Any:
        """Look once, with a second's time; for trying it out."""
        return self.look(TIMEOUT, Host())


def bound(call: Callable[[], Any], limit: float, host: Host) -> Callable[[], Any]:
    """Return what runs: a check that ships is told what it needs, others are left alone."""
    return partial(call.look, limit, host) if isinstance(call, BuiltIn) else call
