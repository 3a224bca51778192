"""The restore: put the last known good state back, and go on with it."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pkgutil import resolve_name
from threading import Lock
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, overload

from resilience import signals
from resilience.core import degraded, rescue
from resilience.core.checks import function, text
from resilience.core.classify import Matcher
from resilience.core.names import shown
from resilience.core.rescue import GIVEN_UP, WELL, Call, Course, Do, Wait, promise
from resilience.core.runtime import Runtime
from resilience.core.trigger import Trigger
from resilience.errors import ConfigurationError
from resilience.strategies.checkpoints import Checkpoint, Saved

if TYPE_CHECKING:
    from concurrent.futures import Future

log = logging.getLogger("resilience")

P = ParamSpec("P")
R = TypeVar("R")

LONGEST_WAIT = 30.0
"""Seconds that a call waits for another one's restore."""


class Home(Protocol):
    """A system, as far as a restore needs one."""

    @property
    def runtime(self) -> Runtime:
        """Its events."""
        ...


class Restore:
    """Puts the last known good state back when a call fails: `Restore(store).call(fn, …)`.

    With `put_back` the state is put back and verified, and the call made again: by the newest
    state, and if that does not help by the one before. Without it the state itself is the
    answer, for functions that load it; the request is then marked degraded. Calls that fail
    meanwhile wait, and go on with what the first one put back.

    Args:
        checkpoint: where the state is kept; `checkpoint.save(value)` after what made it good.
        put_back: takes the state and makes it the one in use; sync or async.
        verify: tells whether the state that was put back is good; sync or async. None: the
            call that is made again shows it.
        on: failures after which it is put back: types, or a predicate; never `Rejected`, nor a
            framework's own answer below 500.
        ignore: those after which it is not; beats `on`.
        name: what its events are about.
        system: whose events it uses; default: the process-wide system's.

    Raises:
        ConfigurationError: a value is refused.
    """

    recovers = True  # the component, and not only the call: the healer may do it by itself
    condition = WELL

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        put_back: Callable[[Any], Any] | None = None,
        verify: Callable[[], Any] | None = None,
        on: Matcher = Exception,
        ignore: Matcher = (),
        name: str = "restore",
        system: Home | None = None,
    ) -> None:
        if not (hasattr(checkpoint, "save") and hasattr(checkpoint, "candidates")):
            raise ConfigurationError(
                f"checkpoint={checkpoint!r}: give a MemoryCheckpoint, a FileCheckpoint, "
                f"or what has their methods save and candidates"
            )
        if verify is not None and put_back is None:
            raise ConfigurationError("verify without put_back: nothing is put back to be verified")
        self.checkpoint = checkpoint
        self.name = text("name", name)
        self._put_back = None if put_back is None else function("put_back", put_back)
        self._verify = None if verify is None else function("verify", verify)
        self._trigger = Trigger(on, ignore)
        home: Home = resolve_name("resilience.systems:system") if system is None else system
        self._runtime = home.runtime
        self.after_fork()
        _all.add(self)

    def after_fork(self) -> None:
        """Begin with nothing going on."""
        self._lock = Lock()
        self._going_on: Future[bool] | None = None

    @property
    def verifies(self) -> bool:
        """Whether it knows by itself that what it put back is good."""
        return self._verify is not None

    # -- use ----------------------------------------------------------------------------------

    def call(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return `fn(*args, **kwargs)`, after a restore if it fails without.

        Raises:
            Exception: the call's own, whatever goes wrong while restoring.
        """
        result: R = rescue.call_sync(self, fn, args, kwargs)
        return result

    @overload
    async def call_async(
        self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> R: ...
    @overload
    async def call_async(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    async def call_async(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Return what `fn(*args, **kwargs)` returns, awaited where it can be.

        Raises:
            Exception: the call's own, whatever goes wrong while restoring.
        """
        return await rescue.call_async(self, fn, args, kwargs)

    def describe(self) -> Iterator[str]:
        """Yield what it restores from, and when."""
        yield f"restore {self.name!r}"
        yield f"checkpoint = {self.checkpoint!r}"
        yield f"put_back = {shown(self._put_back)}"
        yield f"verify = {shown(self._verify)}"

    # -- what the shells ask --------------------------------------------------------------------

    def handles(self, error: Exception) -> bool:
        """Tell whether to restore after this failure."""
        return self._runtime.active and self._trigger.fires(error)

    def returned(self) -> None:
        """Hear that a call returned; it does not matter here."""

    def course(self, error: Exception, again: Call) -> Course:
        """Return the steps of a restore."""
        if self._put_back is None:
            return self._answer(error)
        mine: Future[bool] = promise()
        with self._lock:
            others = self._going_on
            if others is None:
                self._going_on = mine
        return self._restore(mine, again) if others is None else self._join(others, again)

    def _answer(self, error: Exception) -> Course:
        """Answer with the state itself."""
        saved = yield Do(lambda: next(self.checkpoint.candidates(), None))
        if saved is None:
            return GIVEN_UP
        degraded.mark(self.name, "stale")
        data = {"source": "checkpoint", "error": type(error).__name__}
        self._runtime.bus.emit(signals.fallback_used, self.name, data)
        return saved.value

    def _join(self, others: Future[bool], again: Call) -> Course:
        """Wait for the restore that goes on, and make the call again if it helped."""
        if not (yield Wait(others, LONGEST_WAIT)):
            return GIVEN_UP
        return (yield Do(again))

    def _restore(self, mine: Future[bool], again: Call) -> Course:
        """Put back the newest state with which the call does not fail."""
        latest: Exception | None = None
        helped = False
        try:
            for saved in self.checkpoint.candidates():
                if not (yield from self._is_back(saved)):
                    continue
                helped = True
                try:
                    return (yield Do(again))
                except Exception as failure:
                    latest, helped = failure, self._verify is not None
                    if helped:
                        break
            if latest is None:
                return GIVEN_UP
            raise latest
        finally:
            latest = None
            with self._lock:
                self._going_on = None
            mine.set_result(helped)

    def _is_back(self, saved: Saved) -> Course:
        """Put a state back; tell whether it is good as far as can be known."""
        assert self._put_back is not None
        try:
            yield Do(partial(self._put_back, saved.value))
            good = self._verify is None or bool((yield Do(self._verify)))
        except Exception:
            log.exception("%s: the state of %s could not be put back", self.name, saved.at)
            return False
        age = " the one before the last" if saved.stale else ""
        log.log(logging.INFO if good else logging.WARNING, "%s: put back%s the state of %s: %s",
                self.name, age, saved.at, "good" if good else "refused")  # fmt: skip
        return good


_all: weakref.WeakSet[Restore] = weakref.WeakSet()


def _after_fork() -> None:
    for restore in list(_all):
        restore.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
