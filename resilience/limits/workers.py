"""The threads that timed sync code runs on: few, reused, and never waited for."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from types import CoroutineType
from typing import Any

from resilience.limits.allowance import Allowance
from resilience.limits.handover import Ended, hand_over
from resilience.limits.pace import nap

log = logging.getLogger("resilience")

IDLE = 10.0  # seconds after which a thread without work ends

_here = threading.local()  # `.workers`: whose thread this is


class Job:
    """One call on one of the threads.

    Args:
        call: what to do.
        lock: the workers' lock; it guards `started`, `ended` and `_given_up`.
    """

    __slots__ = (
        "_call",
        "_error",
        "_given_up",
        "_lock",
        "_result",
        "_then",
        "ended",
        "ready",
        "started",
    )

    def __init__(self, call: Callable[[], Any], lock: threading.Lock) -> None:
        self._call: Callable[[], Any] | None = call
        self._lock = lock
        self._error: BaseException | None = None
        self._result: Any = None
        self._then: tuple[Callable[[], object], ...] = ()
        self.ended = self.started = self._given_up = False
        self.ready = threading.Lock()  # held until it has ended
        self.ready.acquire()

    def __reduce__(self) -> Any:
        return Ended, ()  # an error that carries it may be pickled: elsewhere nothing goes on

    def run(self) -> None:
        """Make the call, on the thread that this is."""
        assert self._call is not None
        try:
            self._result = self._call()
        except BaseException as error:  # everything: it is the caller's
            self._error = error
        self._end()

    def fail(self, error: BaseException) -> None:
        """End without having made the call."""
        self._error = error
        self._end()

    def _end(self) -> None:
        self._call = None
        with self._lock:
            self.ended = True
            then, given_up = self._then, self._given_up
        self.ready.release()
        for each in then:
            each()
        if given_up:
            self._drop()

    def answer(self, allowance: Allowance) -> Any:
        """Return what the call returned, or raise what it raised. Only once."""
        error, self._error = self._error, None
        if error is None:
            return self._result
        try:
            raise allowance.judged(error)
        finally:
            del error  # else its traceback holds this frame, which holds it

    def on_end(self, then: Callable[[], object]) -> None:
        """Call `then()` once when it has ended; now, if it has."""
        with self._lock:
            ended = self.ended
            if not ended:
                self._then += (then,)
        if ended:
            then()

    def give_up(self) -> bool:
        """Tell it that nobody waits any longer; returns whether it goes on."""
        with self._lock:
            self._given_up = True
            ended = self.ended
        if ended:
            self._drop()
        return not ended

    def _drop(self) -> None:
        if type(self._result) is CoroutineType:
            self._result.close()  # it will never be awaited, and need not warn of it
        if self._error is not None:
            log.debug("a call that nobody waited for any longer failed", exc_info=self._error)
        self._error = self._result = None


class _Thread:
    """A thread, its next job, and the latch it waits at while it has none."""

    __slots__ = ("job", "latch")

    def __init__(self, job: Job) -> None:
        self.job: Job | None = job
        self.latch = threading.Lock()
        self.latch.acquire()


class Workers:
    """At most `most` threads that work at once; further calls queue.

    They are daemons, made when needed, and never hold up the end of the process. One that only
    waits for another lends its place: it is not counted, and what it waits for goes first. So
    timed calls may nest to any depth, and none waits for ever for a thread.

    Args:
        most: how many may work at once, >= 1.
    """

    def __init__(self, most: int = 64) -> None:
        self.most = most
        self.reset()

    def resize(self, most: int) -> None:
        """Let `most`, >= 1, work at once: more from now on; fewer as those that work end."""
        with self._lock:
            self.most = most
            fresh = self._assign()
        _start(fresh, self)

    def reset(self) -> None:
        """Begin anew: in a forked child none of the threads exists."""
        self._lock = threading.Lock()
        self._idle: list[_Thread] = []
        self._queue: deque[Job] = deque()
        self._working = 0

    @property
    def working(self) -> int:
        """How many threads work now, without those that wait for another."""
        return self._working

    @property
    def queued(self) -> int:
        """How many calls wait for a thread."""
        return len(self._queue)

    def run(self, call: Callable[[], Any], allowance: Allowance) -> Any:
        """Return what `call()` returns on one of the threads, or raise what it raises.

        Raises:
            DeadlineExceededError: the time is up. What has begun goes on, and the error carries
                it; what waits in the queue never begins.
        """
        job = self.submit(call)
        self.wait(job, job.ready, allowance)
        return job.answer(allowance)

    def submit(self, call: Callable[[], Any]) -> Job:
        """Return a job that makes the call as soon as a thread is free."""
        job = Job(call, self._lock)
        with self._lock:
            if self._is_ours():
                self._queue.appendleft(job)
            else:
                self._queue.append(job)
            fresh = self._assign()
        _start(fresh, self)
        return job

    def wait(self, job: Job, latch: threading.Lock, allowance: Allowance) -> None:
        """Return when the job has let go of `latch`.

        Raises:
            DeadlineExceededError: as for `run`.
        """
        lent = self.lend()
        try:
            left = allowance.left()
            while not latch.acquire(timeout=nap(left, allowance.pace)):
                if (left := allowance.left()) <= 0.0:
                    started = job.started
                    raise allowance.exceeded() if started else allowance.never_started(self.most)
        except BaseException as error:
            self.give_up(job, error)
            raise
        finally:
            if lent:
                self.take_back()

    def lend(self) -> bool:
        """Let another work instead while this thread waits; returns whether it is one of ours."""
        if not self._is_ours():
            return False
        with self._lock:
            self._working -= 1
            fresh = self._assign()
        _start(fresh, self)
        return True

    def take_back(self) -> None:
        """Work on, after `lend`."""
        with self._lock:
            self._working += 1

    def _is_ours(self) -> bool:
        return getattr(_here, "workers", None) is self

    def give_up(self, job: Job, error: BaseException) -> None:
        """Wait for a job no longer: it never begins, or goes on and `error` carries it."""
        with self._lock:
            if not job.started and not job.ended:
                self._queue.remove(job)
                job.ended = True
        if job.give_up():
            hand_over(error, job)

    def _assign(self) -> list[_Thread]:
        """Give queued jobs to idle threads; return new threads, to be started, for the others."""
        fresh = []
        while self._queue and self._working < self.most:
            job = self._queue.popleft()
            job.started = True
            self._working += 1
            if self._idle:
                thread = self._idle.pop()  # the one that worked last: the others may end
                thread.job = job
                thread.latch.release()
            else:
                fresh.append(_Thread(job))
        return fresh

    def work(self, thread: _Thread) -> None:
        """Do jobs until there has been none for a while; this is what a thread runs."""
        _here.workers = self
        while (job := thread.job) is not None:
            thread.job = None
            job.run()
            del job  # idle, it keeps nothing alive
            self._next(thread)

    def refuse(self, thread: _Thread, error: BaseException) -> None:
        """Hear that a thread could not be started: its job fails."""
        with self._lock:
            self._working -= 1
        if thread.job is not None:
            thread.job.fail(error)

    def _next(self, thread: _Thread) -> None:
        with self._lock:
            self._working -= 1
            if self._queue and self._working < self.most:
                thread.job = self._queue.popleft()
                thread.job.started = True
                self._working += 1
                return
            self._idle.append(thread)
        if thread.latch.acquire(timeout=IDLE):
            return
        with self._lock:
            if thread in self._idle:
                self._idle.remove(thread)  # and it ends, having no job
                return
        thread.latch.acquire()  # it was given a job in that very moment


def _start(fresh: list[_Thread], workers: Workers) -> None:
    for thread in fresh:
        try:
            threading.Thread(
                target=workers.work, args=(thread,), name="resilience-timed", daemon=True
            ).start()
        except RuntimeError as error:  # the machine has no thread to give
            workers.refuse(thread, error)
