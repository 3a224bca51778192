"""Guarded objects that no plain function can stand for: callable objects, partials, bound methods.

wrapt's proxy keeps them what they are for everyone who looks: attributes, type, signature.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import TYPE_CHECKING, Any

import wrapt

if TYPE_CHECKING:
    Proxy = wrapt.ObjectProxy[Any]
else:
    Proxy = wrapt.ObjectProxy  # generic from wrapt 2 on


class GuardedObject(Proxy):
    """A callable object whose calls go through its guard.

    Args:
        wrapped: the object.
        guard: its guard, seen as `__resilience__`.
        run: the guarded call; of the same kind (sync, async, generator) as the object's own.
    """

    def __init__(self, wrapped: Any, guard: Any, run: Callable[..., Any]) -> None:
        super().__init__(wrapped)
        self._self_guard = guard
        self._self_run = run

    @property
    def __call__(self) -> Callable[..., Any]:
        """The guarded call: a property, so that `obj.__call__` is a function of the right kind."""
        run: Callable[..., Any] = self._self_run
        return run

    @property
    def __resilience__(self) -> Any:
        return self._self_guard

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Bind as a method where the wrapped object itself would (`functools.lru_cache`)."""
        if instance is None or not hasattr(type(self.__wrapped__), "__get__"):
            return self
        guarded: Any = self
        return self if isinstance(self.__wrapped__, MethodType) else MethodType(guarded, instance)

    def __copy__(self) -> GuardedObject:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> GuardedObject:
        return self

    def __reduce__(self) -> Any:
        return self._self_guard.reduce(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__reduce__()
