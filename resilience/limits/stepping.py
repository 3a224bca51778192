"""Timed generators: one thread for each run, which rests while its reader is busy."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from resilience.core import deadline
from resilience.core.nesting import context_for_thread
from resilience.limits.allowance import Allowance, TimeLimit
from resilience.limits.workers import Job, Workers

Items = Generator[Any, Any, Any]
Act = Callable[[Items], Any]


class _Run:
    """The thread's side of one run: makes the steps it is asked for.

    All steps run on the same thread, in the same context: what a generator holds from one step
    to the next (a cursor, a lock) often belongs to a thread.
    """

    def __init__(self, start: Callable[[], Items], limit: TimeLimit, workers: Workers) -> None:
        self._start = start
        self._limit = limit
        self._workers = workers
        self.asked = threading.Lock()  # held while there is nothing to do
        self.asked.acquire()
        self.stepped = threading.Lock()  # held while a step is being made
        self.stepped.acquire()
        self.act: Act | None = None  # None: nobody reads any longer
        self.seconds = 0.0
        self.error: BaseException | None = None
        self.result: Any = None

    def work(self) -> None:
        """Make steps until the last one."""
        items = self._start()
        while (act := self.act) is not None:
            over = self._step(items, act) or act is _close
            self.stepped.release()
            if over:
                return
            self._rest()
        items.close()

    def _step(self, items: Items, act: Act) -> bool:
        """Make a step; returns whether it was the last."""
        try:
            allowance, entry = self._limit.begin(self.seconds)
            try:
                self.result = act(items)
            finally:
                deadline.end(entry)
                allowance.finish()
        except BaseException as error:  # everything: it is the reader's
            self.error = error
        return self.error is not None

    def _rest(self) -> None:
        self._workers.lend()
        self.asked.acquire()
        self._workers.take_back()

    def answer(self) -> Any:
        """Return what the step gave, or raise what it raised."""
        error, self.error = self.error, None
        result, self.result = self.result, None
        if error is None:
            return result
        try:
            raise error
        finally:
            del error


def _close(items: Items) -> None:
    items.close()


class TimedItems(Generator[Any, Any, Any]):
    """The reader's side of one run of a generator: each step draws on the time of the whole run.

    Args:
        start: makes the generator.
        limit: how long its steps may take, all together.
        workers: where it runs.
    """

    def __init__(self, start: Callable[[], Items], limit: TimeLimit, workers: Workers) -> None:
        self._run = _Run(start, limit, workers)
        self._limit = limit
        self._workers = workers
        self._left = limit.seconds
        self._job: Job | None = None
        self._over = False

    def send(self, value: Any) -> Any:
        """Make a step on the thread."""
        return self._step(lambda items: items.send(value))

    def throw(self, error: Any, *rest: Any) -> Any:
        """Make a step that begins with `error`."""
        return self._step(lambda items: items.throw(error, *rest))

    def close(self) -> None:
        """Close the generator, on its thread, within what is left of its time."""
        begun = self._job is not None
        if begun and not self._over and not sys.is_finalizing():  # then no thread runs any more
            self._step(_close)

    def _step(self, act: Act) -> Any:
        if self._over:
            raise StopIteration
        run = self._run
        try:
            allowance, entry = self._limit.begin(self._left)
            deadline.end(entry)
            run.act, run.seconds = act, allowance.left()
            self._wait(allowance)
            if run.error is not None:
                run.error = allowance.judged(run.error)
            elif allowance.left() <= 0.0:
                raise allowance.exceeded()
        except BaseException as error:
            self._abandon(error)
            raise
        self._left -= allowance.used()
        self._over = run.error is not None or act is _close
        return run.answer()

    def _wait(self, allowance: Allowance) -> None:
        if self._job is None:
            self._job = self._workers.submit(partial(context_for_thread().run, self._run.work))
            if self._job.ended:
                self._job.answer(allowance)  # raises where no thread was to be had
        else:
            self._run.asked.release()
        self._workers.wait(self._job, self._run.stepped, allowance)

    def _abandon(self, error: BaseException) -> None:
        """Let the thread close the generator as soon as its step is done."""
        self._over = True
        self._run.act = None
        if self._job is not None:
            if self._run.asked.locked():
                self._run.asked.release()
            self._workers.give_up(self._job, error)
