"""Starting the demo as a program of its own, and finding what it left behind."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

MARK = "RESILIENCE_DEMO_TEST"
PATIENCE = 20.0  # seconds a test waits for what must come


class Demo:
    """A demo; all its processes, and theirs, carry a mark in their environment.

    It plays the outage alone, unless it is told which acts to play.
    """

    def __init__(self, *arguments: str, **environ: str) -> None:
        arguments = arguments if "--acts" in arguments else (*arguments, "--acts", "outage")
        self.mark = uuid4().hex
        self.process = subprocess.Popen(
            [sys.executable, "-m", "resilience", "demo", *arguments],
            env={**os.environ, **environ, MARK: self.mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, timeout: float = 45.0) -> tuple[int, str, str]:
        """Return exit status, stdout and stderr, when it is over."""
        out, error = self.process.communicate(timeout=timeout)
        return self.process.returncode, out, error

    def until(self, said: str) -> str:
        """Return the first line of stdout that contains `said`."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if said in line:
                return line
        raise AssertionError(f"it never said {said!r}: {self.finish()}")

    def left(self) -> list[str]:
        """Return the command lines of its processes that run, itself aside."""
        return [line for pid, line in self.processes() if pid != self.process.pid]

    def processes(self) -> list[tuple[int, str]]:
        """Return pid and command line of all that carry the mark, by pid."""
        wanted = f"{MARK}={self.mark}".encode()
        return [
            (pid, _read(pid, "cmdline").replace(b"\0", b" ").decode())
            for pid in sorted(int(each.name) for each in Path("/proc").iterdir()
                              if each.name.isdecimal())
            if wanted in _read(pid, "environ").split(b"\0")
        ]  # fmt: skip

    def close(self) -> None:
        """End it, and whatever it left, so that a failed test leaves nothing either."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        for pid, _ in self.processes():
            os.kill(pid, 9)
        for folder in self.folders():
            shutil.rmtree(folder, ignore_errors=True)

    def folders(self) -> list[Path]:
        """Return the folders it has left behind: killed hard, it cannot remove them."""
        return list(Path(tempfile.gettempdir()).glob(f"resilience-demo-{self.process.pid}-*"))


def eventually(condition: Callable[[], bool]) -> bool:
    """Ask until the condition holds, and tell whether it did in time."""
    end = time.monotonic() + PATIENCE
    while not (held := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return held


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # it ended meanwhile, or is not ours
        return b""
