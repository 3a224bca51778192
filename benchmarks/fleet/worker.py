"""One worker as a process of its own: `python -m benchmarks.fleet.worker WAY URL`.

Each line of its standard input, `[verb, arguments]`, is answered with a line of JSON.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from statistics import median
from typing import Any

from benchmarks.fleet.sharing import WAYS, Shared

PACE = 0.005  # seconds from one call to the next
LOOKS = 0.002  # seconds from one look at a circuit's state to the next
ANSWERED, FAILED, REFUSED, BROKEN = "answered", "failed", "refused", "broken"


class IllError(Exception):
    """What the dependency raises where it is ill."""


def ill() -> None:
    """Fail at once, as a connection that is refused."""
    raise IllError


class Worker:
    """Makes calls through circuits that it shares in one way.

    Args:
        way: a key of `WAYS`.
        url: of the Redis.
    """

    def __init__(self, way: str, url: str) -> None:
        self._sharing = WAYS[way](url)
        self._circuits: dict[str, Shared] = {}

    def prepare(self, name: str) -> None:
        """Make a circuit, and one call that succeeds."""
        self._circuits[name] = self._sharing.circuit(name)
        self._circuits[name].call(lambda: None)

    def cost(self, name: str, calls: int) -> float:
        """Return the median of the nanoseconds that a healthy call takes."""
        call, clock = self._circuits[name].call, time.perf_counter_ns
        return median(_timed(call, clock) for _ in range(calls))

    def serve(self, name: str, begins: float, lasts: float, sick: bool) -> list[list[Any]]:
        """Make a call every 5 ms; return for each when it began and ended, and how.

        Args:
            name: of the circuit.
            begins: monotonic seconds, the same for all processes of the machine.
            lasts: seconds.
            sick: the dependency fails.
        """
        circuit, told, due = self._circuits[name], [], begins
        while due < begins + lasts:
            time.sleep(max(0.0, due - time.monotonic()))
            began = time.monotonic()
            how = _outcome(circuit, sick)
            ended = time.monotonic()
            told.append([began - begins, ended - begins, how])
            due = max(due + PACE, ended)
        return told

    def watch(self, name: str, begins: float, lasts: float) -> float | None:
        """Return the seconds from `begins` until a circuit is open; None: it never was."""
        circuit = self._circuits[name]
        while (now := time.monotonic()) < begins + lasts:
            if now >= begins and circuit.is_open():
                return now - begins
            time.sleep(LOOKS)
        return None

    def fail(self, name: str, times: int) -> None:
        """Let calls fail at once, or be refused."""
        for _ in range(times):
            _outcome(self._circuits[name], True)

    def close(self) -> None:
        """Let go of what is shared."""
        self._sharing.close()


def _timed(call: Any, clock: Any) -> int:
    began = clock()
    call(_nothing)
    took: int = clock() - began
    return took


def _nothing() -> None:
    pass


def _outcome(circuit: Shared, sick: bool) -> str:
    try:
        circuit.call(ill if sick else _nothing)
    except circuit.rejection:
        return REFUSED
    except IllError:
        return FAILED
    except Exception:  # of the store, which callers never asked for anything
        return BROKEN
    return ANSWERED


def main() -> None:
    """Do what the standard input says until it ends."""
    logging.disable(logging.CRITICAL)
    worker = Worker(*sys.argv[1:3])
    for line in sys.stdin:
        verb, arguments = json.loads(line)
        print(json.dumps(getattr(worker, verb)(*arguments)), flush=True)
    worker.close()


if __name__ == "__main__":
    main()
