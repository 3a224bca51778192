"""The restore: put the last known good state back, and go on with it."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from resilience import signals
from resilience.core import degraded
from resilience.core.checks import function
from resilience.core.classify import Matcher
from resilience.core.names import shown
from resilience.core.rescue import GIVEN_UP, Call, Course, Do, Wait, promise
from resilience.errors import ConfigurationError
from resilience.strategies.checkpoints import Checkpoint, Saved
from resilience.strategies.rescuing import Home, RescuingStrategy

if TYPE_CHECKING:
    from concurrent.futures import Future

log = logging.getLogger("resilience")

LONGEST_WAIT = 30.0
"""Seconds that a call waits for another one's restore."""


class Restore(RescuingStrategy):
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
        super().__init__(name, on, ignore, system)
        self.checkpoint = checkpoint
        self._put_back = None if put_back is None else function("put_back", put_back, 1)
        self._verify = None if verify is None else function("verify", verify, 0)
        self.after_fork()
        _all.add(self)

    def after_fork(self) -> None:
        """Begin with nothing going on."""
        self._lock = Lock()
        self._going_on: Future[bool] | None = None

    @property
    def recovers(self) -> bool:
        """Whether it mends what failed, so that the healer may do it without a call."""
        return self._put_back is not None

    @property
    def verifies(self) -> bool:
        """Whether it knows by itself that what it put back is good."""
        return self._verify is not None

    def describe(self) -> Iterator[str]:
        """Yield what it restores from, and when."""
        yield f"restore {self.name!r}"
        yield f"checkpoint = {self.checkpoint!r}"
        yield f"put_back = {shown(self._put_back)}"
        yield f"verify = {shown(self._verify)}"

    # -- what the shells ask --------------------------------------------------------------------

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

    def _step(self, act: Call) -> Do:
        settle = self._runtime.engine.settle
        return Do(act, lambda answer: settle(answer, LONGEST_WAIT))

    def _is_back(self, saved: Saved) -> Course:
        """Put a state back; tell whether it is good as far as can be known."""
        assert self._put_back is not None
        try:
            yield self._step(partial(self._put_back, saved.value))
            good = self._verify is None or bool((yield self._step(self._verify)))
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
