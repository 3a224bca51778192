"""The last good answers of a function, for when there is no new one."""

from __future__ import annotations

import logging
import os
import weakref
from collections import OrderedDict
from inspect import Signature
from threading import RLock
from types import MethodType
from typing import Any

from resilience.strategies.sources import fresh, is_response

log = logging.getLogger("resilience")

MOST = 1000


class LastAnswers:
    """One answer for each set of arguments, the 1,000 newest of them.

    Arguments are compared by value; objects that compare by identity (`self`, a request, a
    session) are not kept alive for it. A call whose arguments cannot be hashed is not kept, nor are
    the cookies of a response, which are one client's.

    Args:
        age: seconds, > 0, for which an answer may be given again.
        takes: what the function takes, so that an argument is the same by position and by name;
            None: it does not say.
    """

    __slots__ = ("__weakref__", "_answers", "_lock", "age", "takes")

    def __init__(self, age: float) -> None:
        self.age = age
        self.takes: Signature | None = None
        self._answers: OrderedDict[Any, tuple[float, Any]] = OrderedDict()
        self._lock = RLock()  # answers that go, and keys, may call what is guarded
        _all.add(self)

    def keep(self, args: tuple[Any, ...], kwargs: dict[str, Any], answer: Any, now: float) -> None:
        """Remember a good answer, unless it is read only once (an iterator)."""
        if hasattr(answer, "__next__") or hasattr(answer, "__anext__"):
            return
        try:
            key = self._key(args, kwargs)
            # A copy, so that the caller may go on working with its own list.
            kept = _anybodys(fresh(answer))
            with self._lock:
                self._answers[key] = (now, kept)
                self._answers.move_to_end(key)
                if len(self._answers) > MOST:
                    self._answers.popitem(last=False)
        except Exception:  # other people's `__hash__`, `__eq__`, `__copy__` spoil no good answer
            log.debug("an answer is not kept", exc_info=True)

    def find(self, args: tuple[Any, ...], kwargs: dict[str, Any], now: float) -> tuple[Any] | None:
        """Return `(answer,)` if there is one that is young enough; to be copied by who uses it."""
        try:
            key = self._key(args, kwargs)
            with self._lock:
                at, answer = self._answers[key]
        except Exception:  # other people's `__hash__`, too
            return None
        return (answer,) if now - at < self.age else None

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._answers.clear()

    def after_fork(self) -> None:
        """Replace the lock; one held at the fork stays locked for ever."""
        self._lock = RLock()

    def _key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if kwargs and self.takes is not None:
            bound = self.takes.bind(*args, **kwargs)
            args, kwargs = bound.args, bound.kwargs
        return _key(args, kwargs)


def _anybodys(answer: Any) -> Any:
    """Take from a response what is one client's: its cookies, and what was to run after it."""
    for part in answer if type(answer) is tuple else (answer,):
        if is_response(part):
            getattr(part, "cookies", {}).clear()  # Django's
            if "set-cookie" in part.headers:
                del part.headers["set-cookie"]
            if getattr(part, "background", None) is not None:  # Starlette's task after the answer
                part.background = None
    return answer


def _key(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    named = tuple((name, _part(kwargs[name])) for name in sorted(kwargs))
    return tuple(_part(each) for each in args), named


def _part(argument: Any) -> Any:
    if isinstance(argument, MethodType):
        return MethodType, _part(argument.__self__), argument.__func__
    # 1, 1.0 and True are equal and not the same argument.
    by_identity: object = object.__hash__
    if type(argument).__hash__ is by_identity:
        return weakref.ref(argument)
    return type(argument), argument


_all: weakref.WeakSet[LastAnswers] = weakref.WeakSet()


def _after_fork() -> None:
    for answers in list(_all):
        answers.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
