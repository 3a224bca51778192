"""Django's background engine: one in each process that serves, none in management commands."""

import os
import signal
import socket
from functools import partial
from pathlib import Path

import pytest

from tests.integrations.test_engine_servers import (
    GUNICORN,
    LIMIT,
    UVICORN,
    Serve,
    assert_one_engine_each,
    case,
    reloaded,
    serve,  # noqa: F401 - a fixture
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="gunicorn forks")

APPS = "tests.integrations.engine_django_apps"
DJANGO = ["-u", "-m", "django"]  # it says where it listens while it runs
SETTINGS = "--settings=tests.integrations.engine_django"

TWO_WORKERS = [
    case("gunicorn sync", "thread", *GUNICORN, f"{APPS}:wsgi"),
    case("gunicorn sync preload", "thread", *GUNICORN, "--preload", f"{APPS}:wsgi"),
    case("gunicorn gthread", "thread", *GUNICORN, "--threads=4", f"{APPS}:wsgi"),
    case(
        "gunicorn uvicorn",
        "task",
        *GUNICORN,
        "-k=uvicorn_worker.UvicornWorker",
        f"{APPS}:asgi",
    ),
    case("uvicorn", "task", *UVICORN, "--workers=2", f"{APPS}:asgi"),
]


@pytest.mark.parametrize(("command", "driver"), TWO_WORKERS)
def test_each_worker_has_one_engine_and_the_master_none(
    serve: Serve,  # noqa: F811
    command: tuple[str, ...],
    driver: str,
) -> None:
    """A thread from the first request on, or a task of the lifespan; it drains once."""
    assert_one_engine_each(serve(*command), driver)


def test_an_async_view_begins_it_too(serve: Serve) -> None:  # noqa: F811
    """Django's own ASGI app has no lifespan: it is a thread's."""
    server = serve(*UVICORN, f"{APPS}:bare")

    assert server.ask("/async") == {"pid": server.parent, "engine": "thread", "threads": 1}

    server.stop(signal.SIGINT)


def test_a_probe_begins_it(serve: Serve) -> None:  # noqa: F811
    """A worker that gets nothing else has to know how it is."""
    server = serve(*GUNICORN, f"{APPS}:wsgi")

    assert server.ask("/health") == {"status": "pass"}

    server.until(lambda: server.told("duty"))


def test_a_reload_by_runserver_moves_it_to_the_new_process(
    serve: Serve,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The parent that watches over the child has none."""
    folder = tmp_path / "watched"
    folder.mkdir()
    watched = folder / "watched_by_django.py"
    watched.touch()
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{os.environ.get('PYTHONPATH', '')}")
    with socket.create_server(("127.0.0.1", 0)) as free:
        where = f"127.0.0.1:{free.getsockname()[1]}"  # the same one after the reload
    server = serve(*DJANGO, "runserver", where, "--skip-checks", SETTINGS)
    first = server.ask()

    server.until(partial(reloaded, server, watched))
    server.until(lambda: server.output.count("http://127.0.0.1:") >= 2)
    second = server.ask()

    assert (first["engine"], first["threads"]) == ("thread", 1)
    assert (second["engine"], second["threads"]) == ("thread", 1)
    assert len({server.parent, first["pid"], second["pid"]}) == 3
    server.stop(signal.SIGINT, group=True)
    assert server.parent not in server.told("duty")


@pytest.mark.parametrize(
    "command", [["check"], ["shell", "--command=import resilience"], ["resilience", "--help"]]
)
def test_a_command_has_none(serve: Serve, command: list[str]) -> None:  # noqa: F811
    """It loads the project, and serves nothing."""
    server = serve(*DJANGO, *command, SETTINGS)

    assert server.process.wait(LIMIT) == 0, server.output

    assert len(server.told("import")) == 1
    assert server.told("duty") == server.told("drained") == {}
