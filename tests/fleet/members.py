"""Workers in processes of their own, told what to do through pipes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 20.0  # seconds that workers may take to agree
ROOT = Path(__file__).parents[2]


class Process:
    """One worker in its process; any method of `member.Member` can be called on it.

    Args:
        url: of the store.
        circuit: settings of its circuits.
        prefix: of the store's keys.
        ahead: seconds by which its wall clock is wrong.
        host: what its command line begins with, such as `("ip", "netns", "exec", "a")`.
    """

    def __init__(
        self,
        url: str,
        prefix: str,
        circuit: dict[str, Any],
        ahead: float | None = None,
        host: Sequence[str] = (),
    ) -> None:
        wrong = {} if ahead is None else {"CLOCK_AHEAD": str(ahead)}
        program = str(Path(__file__).with_name("member.py"))
        self.process = subprocess.Popen(
            [*host, sys.executable, program, url, prefix, json.dumps(circuit)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **wrong},
        )

    def send(self, verb: str, *args: Any, **kwargs: Any) -> None:
        """Tell it what to do, without waiting for the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([verb, args, kwargs]) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        """Return the next answer."""
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def ask(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        """Tell it what to do, and return its answer."""
        self.send(verb, *args, **kwargs)
        return self.answer()

    def kill(self) -> None:
        """End it as the kernel does."""
        self.process.kill()
        self.close()

    def close(self) -> None:
        """Let it go."""
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()
        self.process.kill()
        self.process.wait()


class Crew(list[Process]):
    """Several workers."""

    def all(self, verb: str, *args: Any, **kwargs: Any) -> list[Any]:
        """Tell all of them at once, and return their answers."""
        for each in self:
            each.send(verb, *args, **kwargs)
        return [each.answer() for each in self]

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, [self.all("state"), self.all("fleet")]
            time.sleep(0.02)

    def agree(self, state: str) -> None:
        """Wait until the circuit "it" of all is in a state."""
        self.until(lambda: set(self.all("state")) == {state})

    def meet(self, size: int | None = None) -> None:
        """Wait until each knows of all the others, or of `size` workers in all."""
        known = len(self) if size is None else size
        self.until(lambda: all(each["workers"] == known for each in self.all("fleet")))


@contextmanager
def crew(
    url: str,
    size: int,
    prefix: str = "test",
    ahead: float | None = None,
    host: Sequence[str] = (),
    **circuit: Any,
) -> Iterator[Crew]:
    """Give workers that run."""
    settings = {"failure_threshold": 5, "window": 10.0, "reset_timeout": 1.0, **circuit}
    workers = Crew(Process(url, prefix, settings, ahead, host) for _ in range(size))
    try:
        assert set(workers.all("start")) == {""}
        workers.all("state")
        yield workers
    finally:
        for each in workers:
            each.close()
