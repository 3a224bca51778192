"""Threads and tasks in the background that died, or fell silent."""

from __future__ import annotations

import os
import threading
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Unpack

from resilience.core.checks import function, seconds
from resilience.healing.actions import ActionOptions
from resilience.healing.named import over
from resilience.healing.watch import Tell, WatchfulAction

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from concurrent.futures import Future


class _Restart(WatchfulAction):
    """Starts what runs in the background again; three times in 60 s, then it asks for help."""

    def __init__(
        self,
        component: str,
        silent_after: Any,
        tell: Tell | None,
        options: ActionOptions,
    ) -> None:
        named = type(self).__name__
        self._silent_after = (
            None if silent_after is None else seconds(f"{named}: silent_after", silent_after)
        )
        self._told = False
        self._starts = 0
        self._pid = 0
        self._beat = 0.0
        super().__init__(component, **over(options, cool_down=0.0, limit=3, period=60.0))
        self.tell = None if tell is None else function(f"{named}: tell", tell, 1)

    @abstractmethod
    def _start(self) -> None:
        """Start it."""

    @abstractmethod
    def _is_alive(self) -> bool:
        """Tell whether what was started runs."""

    def beat(self) -> None:
        """Say that it lives; for what is watched to call, where `silent_after` is set."""
        self._beat = self._clock().monotonic()

    def due(self) -> str | None:
        """Return in words why it has to be started."""
        if self._pid != os.getpid():  # a forked child has the thread's object, and no thread
            return "not started in this process"
        if not self._is_alive():
            return "it has ended"
        silent = self._clock().monotonic() - self._beat
        if self._silent_after is not None and silent > self._silent_after:
            return f"silent for {silent:.3g} s"
        return None

    def wanted(self) -> str | None:
        """Return why it has to be started; where it may not be again, tell people once."""
        reason, refusal = self.due(), self.refusal()
        if reason is None:
            self._told = False
        elif refusal is not None and not self._told:
            self._told = True
            if self.tell is not None:
                self.tell(f"{self.component}: {reason}, and it {refusal}")
        return None if refusal is not None else reason

    def act(self) -> None:
        """Start it."""
        self._pid = os.getpid()
        self._starts += 1
        self.beat()
        self._start()

    def measure(self) -> int:
        """Count its starts."""
        return self._starts


class RestartThread(_Restart):
    """Starts a thread of the background, and again when it has died or is silent.

    A silent one cannot be ended: it is left behind, and should end itself when `is_mine` tells it
    that another one has its place. After a fork it is started in the child, too.
    `system.healer.watch(action, every=0.1)` has a dead one up again in that time.

    Args:
        component: what it recovers.
        target: what the thread does; takes no argument.
        silent_after: seconds, > 0, without a `beat` after which it counts as hung; None: it need
            not beat.
        tell: takes a text, when it died more than 3 times in 60 s; called once. None: the
            healer that watches it tells people.
        options: those of `Action`.

    Raises:
        ConfigurationError: a value is refused.
    """

    def __init__(
        self,
        component: str,
        target: Callable[[], object],
        *,
        silent_after: Any = None,
        tell: Tell | None = None,
        **options: Unpack[ActionOptions],
    ) -> None:
        self._target = function("RestartThread: target", target, 0)
        self._thread: threading.Thread | None = None
        super().__init__(component, silent_after, tell, options)

    def is_mine(self) -> bool:
        """Tell the calling thread whether it is the one in charge."""
        return threading.current_thread() is self._thread

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._target, name=self.component, daemon=True)
        self._thread.start()

    def _is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()


class RestartTask(_Restart):
    """Starts a task on an event loop, and again when it has ended or is silent.

    Args:
        component: what it recovers.
        target: what the task does, an `async def` without arguments.
        loop: where it runs; default: the loop that runs when this is made.
        silent_after: seconds, > 0, without a `beat` after which it is cancelled and made anew;
            None: it need not beat.
        tell: takes a text, when it ended more than 3 times in 60 s; called once. None: the
            healer that watches it tells people.
        options: those of `Action`.

    Raises:
        ConfigurationError: a value is refused.
        RuntimeError: no loop is given, and none runs.
    """

    def __init__(
        self,
        component: str,
        target: Callable[[], Coroutine[Any, Any, Any]],
        *,
        loop: AbstractEventLoop | None = None,
        silent_after: Any = None,
        tell: Tell | None = None,
        **options: Unpack[ActionOptions],
    ) -> None:
        import asyncio

        self._target = function("RestartTask: target", target, 0)
        self._loop = asyncio.get_running_loop() if loop is None else loop
        self._task: Future[Any] | None = None
        super().__init__(component, silent_after, tell, options)

    def _start(self) -> None:
        import asyncio

        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.run_coroutine_threadsafe(self._target(), self._loop)

    def _is_alive(self) -> bool:
        return self._task is not None and not self._task.done()
