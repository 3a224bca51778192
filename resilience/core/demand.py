"""Parts of a system that are made when somebody first asks for them.

So a process pays only for what it uses: a part brings its own modules with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import RLock
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")

_lock = RLock()  # one for all: parts ask for other parts while they are made


class part(Generic[T]):  # noqa: N801 - it reads as a decorator
    """A property that is made on first use, once whatever number of threads ask for it.

    What it gives is told where pickle finds it, if the owner has a `home` itself.

    Args:
        make: makes it; its name and docstring are the part's. Imports belong inside.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__
        self._name = make.__name__

    @overload
    def __get__(self, owner: None, kind: type) -> part[T]: ...
    @overload
    def __get__(self, owner: object, kind: type) -> T: ...
    def __get__(self, owner: Any, kind: type) -> Any:
        if owner is None:
            return self
        with _lock:
            made = vars(owner)
            if self._name not in made:
                made[self._name] = self._settled(owner)
            return made[self._name]  # from now on Python finds it there by itself

    def _settled(self, owner: Any) -> Any:
        made: Any = self._make(owner)
        if owner.home and hasattr(made, "home"):
            made.home = f"{owner.home}.{self._name}"
        return made


def is_made(owner: object, name: str) -> bool:
    """Tell whether somebody has asked for that part of `owner`, without making it."""
    return name in vars(owner)


def alone() -> AbstractContextManager[Any]:
    """Return the lock under which parts are made, for what must not happen twice at once.

    Who holds it may ask for parts; nobody who holds another lock may wait for it.
    """
    return _lock


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - one held at the fork stays locked for ever
    _lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
