"""An app under gunicorn or uvicorn, with workers that are processes of their own."""

import http.client
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, Queue

from tests.servers.process import LOOPBACK, PATIENCE, Server

ROOT = Path(__file__).parents[2]


class AppServer(Server):
    """A server of an app.

    Args:
        name: "gunicorn" or "uvicorn".
        app: `module:name`, importable from the top of the repository.
        options: the server's further command-line options.
    """

    def __init__(self, name: str, app: str, *options: str) -> None:
        super().__init__(name)
        self._app = app
        self._options = options

    def command(self) -> Sequence[str]:
        """Return the command that serves."""
        where = (
            ("--bind", f"{LOOPBACK}:{self.port}", "--chdir", str(ROOT), "--no-control-socket")
            if self.name == "gunicorn"
            else ("--host", LOOPBACK, "--port", str(self.port), "--app-dir", str(ROOT))
        )
        return [sys.executable, "-m", self.name, *where, *self._options, self._app]

    def answers(self) -> bool:
        """Tell whether it serves."""
        return self.get("/health/live")[0] == 200

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of one request, on a connection of its own."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def workers(self) -> list[int]:
        """Return the pids of its live workers."""
        assert self.pid is not None
        children = [pid for pid in _pids() if runs(pid) and _parent(pid) == self.pid]
        return [pid for pid in children if b"resource_tracker" not in _command(pid)]

    def reload(self) -> None:
        """Ask gunicorn for new workers in place of all (SIGHUP)."""
        assert self.pid is not None
        os.kill(self.pid, signal.SIGHUP)

    def end_worker(self, pid: int) -> None:
        """Ask one of its workers to end, as `kill` does."""
        os.kill(pid, signal.SIGTERM)


class Clients:
    """Clients that keep their connections, and never try again what has failed.

    Args:
        port: where the app is.
        path: what they ask for; the answer is the worker's pid.
        number: how many there are.
    """

    def __init__(self, port: int, path: str, number: int) -> None:
        self._port = port
        self._path = path
        self._stop = threading.Event()
        self._asides: Queue[tuple[str, Future[int]]] = Queue()
        self.answered = 0
        self.failures: list[str] = []
        self.pids: dict[int, float] = {}  # each worker that has answered, and when it last did
        self._threads = [threading.Thread(target=self._work, args=(n,)) for n in range(number)]

    def __enter__(self) -> "Clients":
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for each in self._threads:
            each.join()

    def once(self, path: str) -> int:
        """Ask for another path once, on a connection that is kept; return the worker's pid."""
        answer: Future[int] = Future()
        self._asides.put((path, answer))
        return answer.result(PATIENCE)

    def _work(self, number: int) -> None:
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=PATIENCE)
        # Some are always busy, some are idle for a while between two requests.
        while not self._stop.wait(0.001 + 0.01 * (number % 4)):
            try:
                self._ask(connection)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection) -> None:
        path, answer = self._path, None
        with suppress(Empty):
            path, answer = self._asides.get_nowait()
        connection.request("GET", path)
        reply = connection.getresponse()
        body = reply.read()
        self.answered += 1
        if reply.status != 200:
            self.failures.append(f"status {reply.status}")
            return
        self.pids[int(body)] = time.monotonic()
        if answer is not None:
            answer.set_result(int(body))


@contextmanager
def serving(name: str, app: str, *options: str) -> Iterator[AppServer]:
    """Give a server of an app that answers."""
    server = AppServer(name, app, *options)
    try:
        server.start()
        yield server
    finally:
        server.close()


def eventually(condition: Callable[[], bool]) -> bool:
    """Ask until the condition holds, and tell whether it did in time."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(OSError):
            if condition():
                return True
        time.sleep(0.02)
    return False


def runs(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and is not yet buried does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _pids() -> list[int]:
    return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()]


def _parent(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
