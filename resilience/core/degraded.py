"""Which parts of the present request were answered by something else than the real thing."""

from __future__ import annotations

from collections.abc import Callable

from resilience.core.request import present


def mark(component: str, how: str) -> None:
    """Note that `component` was stood in for; nothing happens outside a request.

    Args:
        component: what was stood in for.
        how: as `Request.marks` says it.
    """
    request = present.get()
    if request is not None:
        request.mark(component, how)


def marks() -> dict[str, str]:
    """Return what was marked in the present request."""
    request = present.get()
    return (None if request is None else request.marks) or {}


def chance(draw: Callable[[], float]) -> float | None:
    """Return a number by chance, the same for all of the present request; None outside of one."""
    request = present.get()
    return None if request is None else request.chance(draw)
