"""The background engine under real servers: one in each process that serves, none elsewhere."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SITE = "tests.integrations.engine_apps"
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
LIMIT = 40.0  # seconds; what should happen at once is waited for no longer

pytestmark = pytest.mark.skipif(os.name != "posix", reason="gunicorn forks")

GUNICORN = ["-m", "gunicorn", "--bind=127.0.0.1:0", "--workers=2", "--no-control-socket"]
UVICORN = ["-m", "uvicorn", "--host=127.0.0.1", "--port=0"]
FLASK = ["-m", "flask", f"--app={SITE}:app", "--debug"]

WSGI = f"{SITE}:app"
ASGI = f"{SITE}:asgi"
BARE = f"{SITE}:bare"


class Server:
    """A server of the engine apps in a process group of its own.

    Args:
        command: what to run with this Python.
        folder: for its output, and for what the site tells.
    """

    def __init__(self, command: list[str], folder: Path) -> None:
        self._told, self._output = folder / "told", folder / "output"
        self._told.touch()
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env={**os.environ, "ENGINE_LOG": str(self._told)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def parent(self) -> int:
        """The process that was started."""
        return self.process.pid

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._output.read_text()

    def told(self, what: str) -> Counter[int]:
        """Return how often each process told that."""
        lines = (line.split(" ", 1) for line in self._told.read_text().splitlines())
        return Counter(int(pid) for pid, said in lines if said == what)

    def has_told(self, what: str, processes: Collection[int]) -> bool:
        """Tell whether these processes, and no others, have told that."""
        return self.told(what).keys() == set(processes)

    def port(self) -> int:
        """Return where it listens, as soon as it does."""
        self.until(lambda: ADDRESS.search(self.output) or self.process.poll() is not None)
        found = ADDRESS.search(self.output)
        assert found, self.output
        return int(found[1])

    def ask(self, path: str = "/who") -> Any:
        """Return what a worker answers, as soon as one does."""
        port, answers = self.port(), []

        def answered() -> bool:
            connection = HTTPConnection("127.0.0.1", port, timeout=LIMIT)
            with suppress(OSError, HTTPException):  # it may be between two lives
                connection.request("GET", path)
                reply = connection.getresponse()
                assert reply.status == 200, self.output
                answers.append(json.loads(reply.read()))
            connection.close()
            return bool(answers)

        self.until(answered)
        return answers[0]

    def workers(self, count: int) -> dict[int, Any]:
        """Return `{pid: its answer}` as soon as so many workers have answered."""
        found: dict[int, Any] = {}

        def all_found() -> bool:
            with ThreadPoolExecutor(8) as pool:
                found.update((each["pid"], each) for each in pool.map(self.ask, ["/who"] * 8))
            return len(found) >= count

        self.until(all_found)
        return found

    def until(self, is_true: Callable[[], object], limit: float = LIMIT) -> None:
        """Wait until something is true."""
        end = time.monotonic() + limit
        while not is_true():
            assert time.monotonic() < end, f"{self._told.read_text()[-2000:]}\n{self.output}"
            time.sleep(0.02)  # other processes are to have the processor

    def stop(self, number: int = signal.SIGTERM, group: bool = False) -> None:
        """Ask it to end, and wait until it has."""
        os.killpg(self.parent, number) if group else self.process.send_signal(number)
        self.process.wait(LIMIT)

    def end(self) -> None:
        """Leave no process behind."""
        with suppress(ProcessLookupError):
            os.killpg(self.parent, signal.SIGKILL)
        self.process.wait(LIMIT)


Serve = Callable[..., Server]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Give what starts a server, which ends with the test."""
    started: list[Server] = []

    def serve(*command: str) -> Server:
        started.append(Server(list(command), tmp_path))
        return started[-1]

    yield serve
    for server in started:
        server.end()


def reloaded(server: Server, watched: Path) -> bool:
    """Change a file, and tell whether that has ended a process."""
    moved = watched.stat().st_mtime + 10
    os.utime(watched, (moved, moved))  # again if need be: its first look may come after the change
    with suppress(AssertionError):
        server.until(lambda: server.told("drained"), 3.0)
    return bool(server.told("drained"))


def needs(package: str) -> Any:
    """Skip a case where a package is missing."""
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"{package} is not installed")


def case(name: str, driver: str, *command: str, marks: Any = ()) -> Any:
    """Return a case: a server of two workers, and what is to drive the engine in them."""
    return pytest.param(command, driver, id=name, marks=marks)


TWO_WORKERS = [
    case("gunicorn sync", "thread", *GUNICORN, WSGI),
    case("gunicorn sync preload", "thread", *GUNICORN, "--preload", WSGI),
    case("gunicorn gthread", "thread", *GUNICORN, "--threads=4", WSGI),
    case("gunicorn gthread preload", "thread", *GUNICORN, "--threads=4", "--preload", WSGI),
    case("gunicorn gevent", "thread", *GUNICORN, "-k=gevent", WSGI, marks=needs("gevent")),
    case(
        "gunicorn gevent preload",
        "thread",
        *GUNICORN,
        "-k=gevent",
        "--preload",
        WSGI,
        marks=needs("gevent"),
    ),
    case("gunicorn uvicorn", "task", *GUNICORN, "-k=uvicorn_worker.UvicornWorker", ASGI),
    case(
        "gunicorn uvicorn preload",
        "task",
        *GUNICORN,
        "-k=uvicorn_worker.UvicornWorker",
        "--preload",
        ASGI,
    ),
    case(
        "gunicorn asgi",
        "task",
        *GUNICORN,
        "-k=asgi",
        ASGI,
        marks=needs("gunicorn.workers.gasgi"),
    ),
    case("uvicorn", "task", *UVICORN, "--workers=2", ASGI),
]


def assert_one_engine_each(server: Server, driver: str) -> None:
    """Assert that each of two workers has an engine that works and drains, and the parent none."""
    workers = server.workers(2)

    assert server.parent not in workers
    assert len(workers) == 2
    for each in workers.values():
        assert each["engine"] == driver
        assert each["threads"] == (1 if driver == "thread" else 0)
    for kind in ("duty", "slow duty", "async duty"):
        server.until(partial(server.has_told, kind, workers.keys()))

    server.stop()

    assert server.told("drained") == dict.fromkeys(workers, 1)
    assert server.told("duty").keys() == workers.keys()
    assert "Traceback" not in server.output


@pytest.mark.parametrize(("command", "driver"), TWO_WORKERS)
def test_each_worker_has_one_engine_and_the_master_none(
    serve: Serve, command: tuple[str, ...], driver: str
) -> None:
    """It does all kinds of duties, and drains once when the server is told to end."""
    assert_one_engine_each(serve(*command), driver)


@pytest.mark.parametrize("options", [[], ["--preload"], ["--threads=4"]])
def test_before_the_first_request_no_worker_has_one(serve: Serve, options: list[str]) -> None:
    """Nor at the end: a worker that has served nothing has nothing to drain."""
    server = serve(*GUNICORN, *options, WSGI)
    server.until(lambda: server.output.count("Booting worker") == 2)
    server.port()

    server.stop()

    assert sum(server.told("import").values()) in (1, 2)
    assert server.told("duty") == server.told("drained") == {}


def test_started_by_gunicorns_hook_it_runs_before_the_first_request(
    serve: Serve, tmp_path: Path
) -> None:
    """As the documentation says it."""
    page = (ROOT / "docs" / "explanation" / "engine.md").read_text()
    [hook] = re.findall(r"^```python\n(# gunicorn\.conf\.py\n.*?)^```", page, re.DOTALL | re.M)
    (tmp_path / "gunicorn.conf.py").write_text(hook)

    server = serve(*GUNICORN, "--preload", f"--config={tmp_path}/gunicorn.conf.py", WSGI)

    server.until(lambda: len(server.told("duty")) == 2)
    assert server.parent not in server.told("duty")
    server.stop()
    assert server.told("drained") == dict.fromkeys(server.told("duty"), 1)


@pytest.mark.skipif(importlib.util.find_spec("gevent") is None, reason="gevent is not installed")
def test_under_gevent_views_may_run_loops_of_their_own(serve: Serve) -> None:
    """All greenlets share a thread, so the engine's loop is not to be a greenlet's."""
    server = serve(*GUNICORN, "-k=gevent", WSGI)
    server.workers(2)
    server.until(lambda: len(server.told("async duty")) == 2)

    assert [server.ask("/loop") for _ in range(10)] == [{"slept": True}] * 10


def test_without_a_lifespan_a_request_begins_it_in_a_thread(serve: Serve) -> None:
    """As with Django's ASGI app."""
    server = serve(*UVICORN, BARE)

    worker = server.ask()

    assert worker == {"pid": server.parent, "engine": "thread", "threads": 1}
    server.until(lambda: server.told("async duty").keys() == {server.parent})
    server.stop(signal.SIGINT)


def test_a_reload_by_uvicorn_moves_it_to_the_new_process(serve: Serve, tmp_path: Path) -> None:
    """The parent that watches the files has none; the old process drains."""
    watched = tmp_path / "watched" / "module.py"
    watched.parent.mkdir()
    watched.touch()
    server = serve(*UVICORN, "--reload", f"--reload-dir={watched.parent}", ASGI)
    first = server.ask()

    server.until(partial(reloaded, server, watched))
    second = server.ask()

    assert (first["engine"], second["engine"]) == ("task", "task")
    assert len({server.parent, first["pid"], second["pid"]}) == 3
    server.stop()
    assert server.told("drained") == {first["pid"]: 1, second["pid"]: 1}
    assert server.parent not in server.told("duty")


def test_a_reload_by_flask_moves_it_to_the_new_process(serve: Serve, tmp_path: Path) -> None:
    """The parent that watches over the child has none."""
    watched = tmp_path / "watched.txt"
    watched.touch()
    server = serve(*FLASK, "run", "--port=0", f"--extra-files={watched}")
    first = server.ask()

    server.until(partial(reloaded, server, watched))
    second = server.ask()

    assert (first["engine"], first["threads"]) == ("thread", 1)
    assert (second["engine"], second["threads"]) == ("thread", 1)
    assert len({server.parent, first["pid"], second["pid"]}) == 3
    server.stop(signal.SIGINT, group=True)
    server.until(lambda: server.told("drained") == {first["pid"]: 1, second["pid"]: 1})
    assert server.parent not in server.told("duty")


@pytest.mark.parametrize("command", [["routes"], ["shell"]])
def test_a_command_has_none(serve: Serve, command: list[str]) -> None:
    """It loads the app, and serves nothing."""
    server = serve(*FLASK, *command)

    assert server.process.wait(LIMIT) == 0, server.output

    assert len(server.told("import")) == 1
    assert server.told("duty") == server.told("drained") == {}
