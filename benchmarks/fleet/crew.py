"""Workers in processes of their own, as their parent sees them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.fleet.worker import PACE

AHEAD = 0.05  # seconds before a common start in which all workers hear of it
_ROOT = Path(__file__).resolve().parents[2]


class Call(NamedTuple):
    """One call of a worker: when it began and ended, in seconds from the start, and how."""

    began: float
    ended: float
    how: str


class Crew:
    """Several workers that share in one way.

    Args:
        way: a key of `sharing.WAYS`.
        url: of the Redis.
        size: how many, >= 1.
    """

    def __init__(self, way: str, url: str, size: int) -> None:
        command = [sys.executable, "-m", "benchmarks.fleet.worker", way, url]
        pipe = subprocess.PIPE
        self._workers = [
            subprocess.Popen(command, cwd=_ROOT, stdin=pipe, stdout=pipe, text=True)
            for _ in range(size)
        ]

    def __len__(self) -> int:
        return len(self._workers)

    def ask(self, verb: str, *arguments: Any, only: Sequence[int] | None = None) -> list[Any]:
        """Tell all at once, or only some, what to do; return their answers."""
        who = range(len(self)) if only is None else only
        for number in who:
            self.tell(number, verb, *arguments)
        return [self.answer(number) for number in who]

    def serve(self, name: str, lasts: float, sick: Sequence[bool]) -> list[list[Call]]:
        """Let all serve from a common start, evenly shifted; return the calls of each."""
        shifts = [PACE * number / len(self) for number in range(len(self))]
        begins = time.monotonic() + AHEAD
        for number, shift in enumerate(shifts):
            self.tell(number, "serve", name, begins + shift, lasts, sick[number])
        return [
            [Call(began + shift, ended + shift, how) for began, ended, how in self.answer(number)]
            for number, shift in enumerate(shifts)
        ]

    def tell(self, number: int, verb: str, *arguments: Any) -> None:
        """Tell one what to do."""
        stdin = self._workers[number].stdin
        assert stdin is not None
        stdin.write(json.dumps([verb, arguments]) + "\n")
        stdin.flush()

    def answer(self, number: int) -> Any:
        """Return one's next answer."""
        stdout = self._workers[number].stdout
        assert stdout is not None
        return json.loads(stdout.readline())

    def close(self) -> None:
        """End all."""
        for each in self._workers:
            each.kill()
            each.communicate()


@contextmanager
def crew(way: str, url: str, size: int) -> Iterator[Crew]:
    """Give workers that have begun."""
    workers = Crew(way, url, size)
    try:
        workers.ask("prepare", "first")
        yield workers
    finally:
        workers.close()
