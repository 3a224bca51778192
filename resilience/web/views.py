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
        system: as for `note_bypassed`.
        views: each route's path and its view, as registered.
    """
    for path, view in note_bypassed(system, views).items():
        warnings.warn(
            f"{path} is served by {view} without its guard: put @circuit and the like below the "
            "route's decorator, next to the function",
            ConfigurationWarning,
            stacklevel=2,
        )


def note_bypassed(system: System, views: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """Return the routes whose views bypass their guard, `{path: view}`.

    Args:
        system: which remembers them, for `resilience doctor`.
        views: each route's path and its view, as registered.
    """
    found = {path: name_of(view) for path, view in views if bypassed(view)}
    system.bypassed.update(found)
    return found
