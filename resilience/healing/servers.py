"""What is known of the server that this process works for: gunicorn or uvicorn, on Linux.

Read from `/proc`, as a worker has no other way to see its siblings.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROC = Path("/proc")
_DIGITS = re.compile(rb"\d+")


@dataclass(frozen=True, slots=True)
class Worker:
    """A live worker of our server.

    Args:
        pid: its process.
        age: seconds since it was started.
    """

    pid: int
    age: float


def server() -> str | None:
    """Return "gunicorn" or "uvicorn" where one of them starts another worker when this one ends.

    None: nobody does, or nobody can tell.
    """
    if "gunicorn.arbiter" in sys.modules and b"gunicorn" in _command(os.getppid()):
        return "gunicorn"
    if "uvicorn" in sys.modules and _parent_by_multiprocessing() == os.getppid():
        return "uvicorn"
    return None


def workers() -> list[Worker]:
    """Return the live workers of our server, this one among them; empty if nobody can tell."""
    own, parent = _signature(os.getpid()), os.getppid()
    try:
        up = float((_PROC / "uptime").read_text().split()[0])
    except OSError:
        return []
    ticks = os.sysconf("SC_CLK_TCK")
    return [
        Worker(pid, up - started / ticks)
        for pid, (state, ppid, started) in _processes()
        if ppid == parent and state not in "ZX" and _signature(pid) == own
    ]


def count() -> int:
    """Return how many live workers our server has; 1 if nobody can tell."""
    return max(1, len(workers())) if server() else 1


def threads() -> int | None:
    """Return how many threads this process has."""
    return _entries("task")


def descriptors() -> float | None:
    """Return the share, 0-1, of the file descriptors that this process may open, and has open."""
    import resource  # not on Windows, where there is no /proc either

    number, (soft, _) = _entries("fd"), resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if number is None or soft <= 0 else number / soft


def stop_accepting() -> None:
    """Have uvicorn accept no more connections here; its other workers share the socket.

    Else one that was accepted and has not sent its request yet would be closed with the worker.
    """
    for listening in getattr(_uvicorn(), "servers", ()):  # asyncio's
        listening.get_loop().call_soon_threadsafe(listening.close)


def is_stopping() -> bool:
    """Tell whether uvicorn has been told to end here.

    It waits for its open connections then, and ends the app's lifespan only after that.
    """
    return bool(getattr(_uvicorn(), "should_exit", False))


def _uvicorn() -> Any:
    """Return the `uvicorn.Server` of this process, to which only a signal handler leads."""
    return getattr(signal.getsignal(signal.SIGTERM), "__self__", None)


@contextmanager
def one_of(places: int) -> Iterator[bool]:
    """Take one of so many places that the workers of our server share; tell whether there was one.

    A place is a name in Linux's abstract socket namespace: the kernel frees it with the process.
    """
    taken = None
    for place in range(places):
        taken = _bound(f"\0resilience-recycle-{os.getppid()}-{_started(os.getppid())}-{place}")
        if taken is not None:
            break
    try:
        yield taken is not None
    finally:
        if taken is not None:
            taken.close()


def _bound(name: str) -> socket.socket | None:
    held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        held.bind(name)
    except OSError:
        held.close()
        return None
    return held


def _parent_by_multiprocessing() -> int | None:
    multiprocessing: Any = sys.modules.get("multiprocessing")
    parent = None if multiprocessing is None else multiprocessing.parent_process()
    return None if parent is None else parent.pid


def _signature(pid: int) -> bytes:
    """Return a command line without its numbers, which is the same for all workers of a server."""
    return _DIGITS.sub(b"", _command(pid))


def _command(pid: int) -> bytes:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:  # it has ended, or is not ours to see
        return b""


def _processes() -> Iterator[tuple[int, tuple[str, int, int]]]:
    try:
        names = [each.name for each in _PROC.iterdir() if each.name.isdecimal()]
    except OSError:
        return
    for name in names:
        found = _stat(int(name))
        if found is not None:
            yield int(name), found


def _stat(pid: int) -> tuple[str, int, int] | None:
    """Return `(state, parent, start in ticks since boot)`; `man 5 proc`."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    after_name = text.rpartition(")")[2].split()  # the name may hold anything
    return after_name[0], int(after_name[1]), int(after_name[19])


def _started(pid: int) -> int:
    found = _stat(pid)
    return 0 if found is None else found[2]


def _entries(folder: str) -> int | None:
    try:
        return sum(1 for _ in (_PROC / "self" / folder).iterdir())
    except OSError:
        return None
