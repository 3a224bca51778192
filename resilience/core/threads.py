"""Threads for background work: few, used again, and never waited for at the end of a process."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from math import inf

log = logging.getLogger("resilience")

Job = tuple[Callable[[], object], str]

IDLE = 10.0  # seconds after which a thread without work ends
MOST = 16  # errands of one name at once
BACKLOG = 1000  # further ones that wait
PATIENCE = 1.0  # seconds; who takes longer over a quick act is not waited for


class ThreadPool:
    """Daemon threads, as many as there is work at once.

    They belong to the process that made them: a forked child makes a pool of its own.

    Args:
        kept: how many stay without work, once there was some.
    """

    def __init__(self) -> None:
        self.kept = 0
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._changed = threading.Condition(threading.Lock())  # guards what follows
        self._free = 0  # threads without a job
        self._unfinished = 0

    def run(self, act: Callable[[], object], name: str) -> None:
        """Call `act()` soon, on a thread that is named for it; what it raises is logged.

        Raises:
            RuntimeError: the machine has no thread to give.
        """
        with self._changed:
            self._unfinished += 1
            fresh = self._free == 0
            if not fresh:
                self._free -= 1
        if fresh:
            self._start((act, name))
        else:
            self._jobs.put((act, name))

    @property
    def is_busy(self) -> bool:
        """Whether anything is under way, or waits."""
        return self._unfinished > 0

    def drain(self, until: float) -> bool:
        """Wait until all has ended, or `time.monotonic()` is `until`; tell whether it has."""
        with self._changed:
            left = max(0.0, until - time.monotonic())
            return self._changed.wait_for(lambda: self._unfinished == 0, left)

    def _start(self, job: Job) -> None:
        thread = threading.Thread(target=self._work, args=job, name=job[1], daemon=True)
        try:
            thread.start()
        except RuntimeError:
            with self._changed:
                self._unfinished -= 1
            raise

    def _work(self, act: Callable[[], object], name: str) -> None:
        job: Job | None = (act, name)
        while job is not None:
            act, threading.current_thread().name = job
            try:
                act()
            except BaseException:  # everything: the thread is to live on
                log.exception("%s failed", job[1])
            del act, job  # idle, it keeps nothing alive
            job = self._next()

    def _next(self) -> Job | None:
        with self._changed:
            self._free += 1
            self._unfinished -= 1
            if self._unfinished == 0:
                self._changed.notify_all()
        while True:
            try:
                return self._jobs.get(timeout=IDLE)
            except queue.Empty:
                with self._changed:
                    if self._free > self.kept:  # nobody counts on this thread
                        self._free -= 1
                        return None


class Lane:
    """Quick acts, one after another, on one thread of a pool; one that hangs is left behind.

    Args:
        pool: gives the threads.
        name: what they are called.
    """

    def __init__(self, pool: ThreadPool, name: str) -> None:
        self._pool = pool
        self._name = name
        self._acts: deque[Callable[[], object]] = deque()
        self._lock = threading.Lock()
        self._turn: object = None  # whoever does the acts; replaced when one hangs
        self._since = inf  # monotonic seconds of the present act's start

    def add(self, act: Callable[[], object]) -> None:
        """Do `act()` after those that were added before."""
        self._acts.append(act)

    def look(self, now: float) -> float:
        """See to it that somebody does what was added.

        Args:
            now: monotonic seconds.

        Returns:
            Seconds until the next look; infinite if none is needed.

        Raises:
            RuntimeError: the machine has no thread to give; the acts wait for the next look.
        """
        with self._lock:
            if not self._acts:
                return inf
            left = PATIENCE if self._turn is None else self._since + PATIENCE - now
            if self._turn is not None and left > 0.0:
                return left
            turn = self._turn = object()
            self._since = now
        try:
            self._pool.run(lambda: self._take(turn), self._name)
        except RuntimeError:
            self._turn = None
            raise
        return PATIENCE

    def _take(self, turn: object) -> None:
        while (act := self._following(turn)) is not None:
            act()

    def _following(self, turn: object) -> Callable[[], object] | None:
        with self._lock:
            if self._turn is not turn:  # somebody else goes on
                return None
            if not self._acts:
                self._turn = None
                return None
            self._since = time.monotonic()
            return self._acts.popleft()


class _Line:
    """The errands of one name: how many are under way, and those that wait."""

    __slots__ = ("running", "waiting")

    def __init__(self) -> None:
        self.running = 0
        self.waiting: deque[Callable[[], object]] = deque()


class Errands:
    """What is done once, a few of each name at a time: a storm of one kind costs no other."""

    def __init__(self) -> None:
        self._pool = ThreadPool()
        self._lines: dict[str, _Line] = {}
        self._lock = threading.Lock()

    @property
    def is_busy(self) -> bool:
        """Whether any is under way."""
        return self._pool.is_busy

    def run(self, act: Callable[[], object], name: str) -> None:
        """Call `act()` soon, on another thread; what it raises is logged.

        Raises:
            RuntimeError: the machine has no thread to give, or too many of that name wait.
        """
        with self._lock:
            line = self._lines.setdefault(name, _Line())
            if line.running >= MOST:
                if len(line.waiting) >= BACKLOG:
                    raise RuntimeError(f"{name}: {BACKLOG} of them wait already")
                line.waiting.append(act)
                return
            line.running += 1
        try:
            self._pool.run(lambda: self._work(line, act, name), f"resilience-{name}")
        except RuntimeError:
            with self._lock:
                line.running -= 1
            raise

    def drain(self, until: float) -> None:
        """Wait until all have ended, or `time.monotonic()` is `until`."""
        self._pool.drain(until)

    def _work(self, line: _Line, act: Callable[[], object] | None, name: str) -> None:
        while act is not None:
            try:
                act()
            except BaseException:  # everything: the others of the line are to have their turn
                log.exception("%s failed", name)
            act = self._next(line, name)

    def _next(self, line: _Line, name: str) -> Callable[[], object] | None:
        with self._lock:
            if line.waiting:
                return line.waiting.popleft()
            line.running -= 1
            if not line.running:
                del self._lines[name]
        return None
