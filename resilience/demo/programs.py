"""The demo's programs: started as process groups, watched, and never left behind."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import monotonic, sleep
from types import TracebackType

from resilience.demo.plan import DemoError

PATIENCE = 3.0  # seconds that a program has to end when it is asked to
TAIL = 12  # lines
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Program:
    """A running program, leader of its own process group; its output goes to a nameless file.

    Args:
        name: what messages call it.
        command: its arguments.
        environ: its environment.
        cwd: the directory it runs in.
        user: whom it runs as; None: ourselves.
        farewell: the signal that asks it to end.
    """

    def __init__(  # noqa: PLR0917 - in the order of a command line
        self,
        name: str,
        command: Sequence[str],
        environ: Mapping[str, str],
        cwd: str,
        user: str | None = None,
        farewell: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.farewell = farewell
        # Opened for appending: reading here moves nothing for the program that writes.
        self._log = tempfile.TemporaryFile("a+b")  # noqa: SIM115 - open while the program runs
        parent = os.getpid()
        self._process = subprocess.Popen(  # noqa: S603 - our own programs
            command,
            env=environ,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # else the terminal's Ctrl-C reaches it as well, too early
            user=user,
            preexec_fn=lambda: _end_with(parent, farewell),  # noqa: PLW1509 - no thread is busy yet
        )

    @property
    def is_running(self) -> bool:
        """Tell whether it still runs."""
        return self._process.poll() is None

    async def finish(self) -> int:
        """Wait for its end; return its exit status."""
        while self.is_running:  # noqa: ASYNC110 - a process tells nobody
            await asyncio.sleep(0.02)
        return int(self._process.returncode)

    def said(self) -> str:
        """Return what it has printed so far, at most the last 64 KB."""
        size = os.fstat(self._log.fileno()).st_size
        start = max(0, size - 65_536)
        return os.pread(self._log.fileno(), size - start, start).decode(errors="replace")

    def check(self) -> None:
        """Do nothing while it runs.

        Raises:
            DemoError: it has ended; with its exit status and the last lines it printed.
        """
        if self.is_running:
            return
        tail = "".join(f"\n    {line}" for line in _telling(self.said())[-TAIL:])
        said = f"; it said:{tail}" if tail else " and said nothing"
        status = f"status {self._process.returncode}"
        raise DemoError(f"{self.name} has ended by itself with {status}{said}", 1)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all its process group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def close(self) -> None:
        """End what is left of its group at once."""
        self.signal(signal.SIGKILL)
        self._process.wait()
        self._log.close()


class Programs:
    """All programs of a run; leaving the block ends them.

    Args:
        environ: what the programs' environment has besides this process's own.
        cwd: the directory they run in.
    """

    def __init__(self, environ: Mapping[str, str], cwd: str) -> None:
        self._environ = environ
        self._cwd = cwd
        self._running: list[Program] = []

    def start(self, name: str, *arguments: str, **environ: str) -> Program:
        """Start `python -m arguments…` with further variables in its environment."""
        command = [sys.executable, "-m", *arguments]
        return self.run(Program(name, command, {**self._environ, **environ}, self._cwd))

    def run(self, program: Program) -> Program:
        """Look after a program that was started elsewhere."""
        self._running.append(program)
        return program

    def check(self) -> None:
        """Raise `DemoError` if one has ended by itself."""
        for program in self._running:
            program.check()

    async def watch(self) -> None:
        """Look after them until cancelled; raise `DemoError` as soon as one has ended."""
        while True:
            self.check()
            await asyncio.sleep(0.05)

    def __enter__(self) -> Programs:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Nothing here waits on the event loop: no second Ctrl-C can come between.
        for program in self._running:
            program.signal(program.farewell)
        end = monotonic() + PATIENCE
        while monotonic() < end and any(program.is_running for program in self._running):
            sleep(0.02)
        for program in self._running:
            program.close()
        self._running.clear()


def _telling(text: str) -> list[str]:
    """Return the lines that say what is wrong: of a traceback the exception, not the frames."""
    skipped = ("Traceback ", "During handling of ", "The above exception ")
    return [
        line
        for line in text.splitlines()
        if line and not line[0].isspace() and not line.startswith(skipped)
    ]


def _end_with(parent: int, farewell: signal.Signals) -> None:
    """Ask Linux for the farewell when the demo dies, however it dies (`man 2 PR_SET_PDEATHSIG`).

    Gunicorn's workers leave by themselves when their parent is gone. Elsewhere only an orderly
    end, which Ctrl-C is, ends the programs.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, farewell)
    if os.getppid() != parent:  # it died before it was asked
        os._exit(1)
