"""Caches that hold something wrong."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Unpack

from resilience.errors import ConfigurationError
from resilience.healing.actions import Action, ActionOptions


class ClearCache(Action):
    """Empties a cache: what is in it may be what makes calls fail.

    One that several processes share, such as most of Django's, is emptied for all of them.

    Args:
        component: what it recovers.
        cache: a cache of Django or cachetools, a function with `cache_clear`, or anything else
            with a method `clear`.
        lock: held meanwhile; the one that is given to `cachetools.cached`.
        options: those of `Action`.

    Raises:
        ConfigurationError: it cannot be emptied.
    """

    def __init__(
        self,
        component: str,
        cache: Any,
        *,
        lock: AbstractContextManager[Any] | None = None,
        **options: Unpack[ActionOptions],
    ) -> None:
        self._cache = cache
        self._clear = clearing(cache)
        self._held = nullcontext() if lock is None else lock
        super().__init__(component, **options)

    def act(self) -> None:
        """Empty it."""
        with self._held:
            self._clear()

    def measure(self) -> int | None:
        """Count what is in it; None where the cache does not tell."""
        information = getattr(self._cache, "cache_info", None)
        if information is not None:
            return int(information().currsize)
        return len(self._cache) if hasattr(type(self._cache), "__len__") else None


def clearing(cache: Any) -> Callable[[], object]:
    """Return what empties a cache.

    Raises:
        ConfigurationError: nothing does.
    """
    for name in ("cache_clear", "clear"):
        clear = getattr(cache, name, None)
        if callable(clear):
            return clear  # type: ignore[no-any-return]
    raise ConfigurationError(f"{cache!r} has neither a method clear nor cache_clear: give a cache")
