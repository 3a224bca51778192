"""Views that are served without the guard they were given."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from resilience.core.guard import bypassed, name_of
from resilience.errors import ConfigurationWarning
from resilience.systems import System


def warn_of_bypassed(system: System, views: Iterable[tuple[str, Any]]) -> None:
    """Warn of views that were registered before they were guarded: requests bypass the guard.

    Args:
        system: which remembers them, for `resilience doctor`.
        views: each route's path and its view, as registered.
    """
    for path, view in views:
        if bypassed(view):
            system.bypassed[path] = name_of(view)
            warnings.warn(
                f"{path} is served by {name_of(view)} without its guard: put @circuit and the "
                "like below the route's decorator, next to the function",
                ConfigurationWarning,
                stacklevel=2,
            )
