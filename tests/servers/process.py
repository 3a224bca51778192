"""A server that is a process of its own: started, frozen, killed, and never left behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE = 30.0  # seconds that a server may take to do what it is told

LOOPBACK = "127.0.0.1"


class ServerFailedError(RuntimeError):
    """A server did not start, or did not do as it was told; says what it printed last."""


class Server:
    """A server on a loopback port, with a directory of its own.

    A subclass says how it is started (`command`) and when it answers (`answers`).

    Args:
        name: what errors call it, such as "redis-server".
        user: the account it runs as, for servers that refuse to be root's; None: ours.
    """

    farewell = signal.SIGTERM  # what ends it in order
    last_resort = signal.SIGKILL  # what it gets when these tests die without a farewell

    def __init__(self, name: str, user: str | None = None) -> None:
        self.name = name
        self.user = user
        self.port = free_port()
        # Not below pytest's own directory, into which only its owner may look.
        self.directory = Path(tempfile.mkdtemp(prefix=f"{name}-"))
        if user is not None:
            shutil.chown(self.directory, user)
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str]:
        """Return the command that serves on `self.port`, in the foreground."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Tell whether it serves; any exception means that it does not yet."""
        raise NotImplementedError

    # -- life ---------------------------------------------------------------------------------

    @property
    def pid(self) -> int | None:
        """The process it runs in; None while it does not run."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start it, if it does not run, and wait until it answers."""
        if self.pid is None:
            with (self.directory / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    _ending_with_us(self.command(), self.last_resort),
                    cwd=self.directory,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    user=self.user,
                )
        self.until(self.answers, "answer")

    def stop(self) -> None:
        """End it in order, killing it if it does not; nothing if it does not run."""
        self._end(self.farewell)

    def kill(self) -> None:
        """End it at once, as a crash does: clients see their connections reset."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """End it and start it on the same port."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End it for good, and remove what it wrote."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def freeze(self) -> None:
        """Stop it in its tracks: connections stay open and get no answer (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """End it for a block; it runs and answers again afterwards."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze it for a block; it answers again afterwards."""
        self.freeze()
        try:
            yield
        finally:
            self.thaw()
            self.until(self.answers, "answer after it was frozen")

    # -- watching -----------------------------------------------------------------------------

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until the condition holds.

        Raises:
            ServerFailedError: it has ended, or did not do it in 30 s.
        """
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.pid is None:
                raise ServerFailedError(f"{self.name} has ended: {self.said()}")
            with suppress(Exception):
                if condition():
                    return
            time.sleep(0.02)
        raise ServerFailedError(f"{self.name} did not {what} in {PATIENCE:g} s: {self.said()}")

    def said(self) -> str:
        """Return the last lines it printed."""
        with suppress(OSError):
            lines = (self.directory / "log").read_text(errors="replace").splitlines()
            return "\n".join(lines[-20:])
        return "nothing"

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal to it and the processes it has started."""
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        if self.pid is not None:
            os.kill(process.pid, number)
            self.thaw()  # a frozen one hears no farewell
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            self._process = None


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        port: int = free.getsockname()[1]
        return port


def _ending_with_us(command: Sequence[str], number: signal.Signals) -> Sequence[str]:
    """Return a command that gets a signal when the tests die, however they die.

    By util-linux's `setpriv`, not between fork and exec: code of ours would run there, which in a
    process with threads may wait for ever for a lock that one of them held at the fork.
    """
    program = shutil.which("setpriv")
    if sys.platform != "linux" or program is None:
        return command
    return [program, "--pdeathsig", number.name.removeprefix("SIG"), "--", *command]
