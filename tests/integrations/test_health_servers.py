"""Health checks under real servers: in each worker, in the background, whatever they do."""

import os
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.integrations.test_engine_servers import GUNICORN, UVICORN, Serve, Server
from tests.integrations.test_engine_servers import serve as serve  # noqa: PLC0414 - a fixture

pytestmark = pytest.mark.skipif(os.name != "posix", reason="gunicorn forks")

SITE = "tests.integrations.health_apps"
WSGI, ASGI = f"{SITE}:app", f"{SITE}:asgi"
CHECKS = ("sync check", "blocking check", "async check", "hung check")
SERVERS = [
    pytest.param([*GUNICORN, WSGI], id="gunicorn sync"),
    pytest.param([*GUNICORN, "--threads=4", "--preload", WSGI], id="gunicorn gthread preload"),
    pytest.param([*GUNICORN, "-k=uvicorn_worker.UvicornWorker", ASGI], id="gunicorn uvicorn"),
    pytest.param([*UVICORN, "--workers=2", ASGI], id="uvicorn"),
]


def ready(server: Server) -> set[int]:
    """Return the statuses that some workers answer at `/health/ready`."""
    found = set()
    for _ in range(6):
        connection = HTTPConnection("127.0.0.1", server.port(), timeout=20)
        connection.request("GET", "/health/ready")
        found.add(connection.getresponse().status)
        connection.close()
    return found


@pytest.mark.parametrize("command", SERVERS)
def test_checks_run_in_each_worker_in_the_background(
    serve: Serve, tmp_path: Path, command: list[str]
) -> None:
    """A database that goes and comes back takes the workers out, and lets them in again."""
    server = serve(*command)
    workers = server.workers(2)

    for kind in CHECKS:
        server.until(partial(server.has_told, kind, workers))
    server.until(lambda: ready(server) == {200})

    down = tmp_path / "told.down"
    down.touch()
    server.until(lambda: ready(server) == {503})
    down.unlink()
    server.until(lambda: ready(server) == {200})

    server.stop()
    assert "Traceback" not in server.output


@pytest.mark.parametrize("command", SERVERS)
def test_what_blocks_or_hangs_blocks_nothing_else(serve: Serve, command: list[str]) -> None:
    """A check that hangs costs one thread and shows as unknown; the event loop stays prompt."""
    server = serve(*command)
    server.workers(2)

    def settled() -> bool:
        told = server.ask()["statuses"]
        return told["hung"] == "unknown" and told["blocking"] == told["cache"] == "pass"

    server.until(settled)

    assert set(server.told("hung check").values()) == {1}
    answer = server.ask()
    assert answer["hung"] == 1
    if ASGI in command:
        assert answer["on_apps_loop"]
        assert answer["lag"] < 1, "a blocking check has held up the loop"
    else:
        assert answer["loops"] == 1
        assert answer["lag"] is None


def test_the_end_of_a_worker_does_not_wait_for_what_hangs(serve: Serve) -> None:
    """Daemon threads go with their process."""
    server = serve(*GUNICORN, "--graceful-timeout=30", WSGI)
    server.workers(2)
    server.until(lambda: server.told("hung check").total() == 2)

    server.stop()  # waits less than gunicorn would before it kills

    assert "was sent SIGKILL" not in server.output
