"""The program itself, against gunicorn with two workers that share nothing."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.commands.conftest import TOKENS
from tests.commands.running import run
from tests.servers.apps import AppServer, serving
from tests.servers.process import LOOPBACK

WHY = ("--reason", "a drill")
SLOW = """
name = "prices are slow"
target = "prices"
duration = 0.5
fault = {kind = "latency", seconds = 0.001}
"""

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """Serve by two workers, which have both been asked for something."""
    config = tmp_path_factory.mktemp("gunicorn") / "conf.py"
    config.write_text("workers = 2\nthreads = 2\ntimeout = 2 + 2\n")
    with serving("gunicorn", "tests.commands.two_workers:app", "-c", str(config)) as made:
        yield made


@pytest.fixture
def url(server: AppServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give its address; the variables name it, and ada's token."""
    address = f"http://{LOOPBACK}:{server.port}"
    monkeypatch.setenv("RESILIENCE_URL", address)
    monkeypatch.setenv("RESILIENCE_TOKEN", TOKENS["ada"])
    return address


@contextmanager
def visited(server: AppServer) -> Iterator[None]:
    """Ask for prices all the time."""
    done = threading.Event()

    def visit() -> None:
        while not done.wait(0.005):
            with suppress(OSError):
                server.get("/prices")

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        yield
    finally:
        done.set()
        visitor.join()


def program(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a shell does."""
    return subprocess.run(
        [sys.executable, "-m", "resilience", *words],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environ},
    )  # fmt: skip


def test_the_doctor_knows_what_the_server_works_out(url: str) -> None:
    """The timeout that gunicorn has, however it came to it."""
    done = program("doctor", "--json")

    assert done.returncode == 3
    checks = {each["check"]: each["what"] for each in json.loads(done.stdout)["findings"]}
    assert "not shorter than the server's timeout, 4 s" in checks["timeout_beyond_server"]
    assert "2 workers share nothing" in checks["workers_without_fleet"]


def test_an_order_says_that_it_holds_in_one_worker(url: str) -> None:
    """And what makes it hold in all."""
    done = program("force", "prices", "shadow", *WHY)
    told = json.loads(program("release", "prices", *WHY, "--json").stdout)

    assert done.returncode == 0, done.stderr
    assert "; in worker " in done.stdout
    assert "one of 2: the others know of it only by the setting fleet.url" in done.stdout
    assert told["workers"] == 2
    assert told["worker"].count("-") >= 2


def test_an_experiment_is_found_in_the_worker_it_waits_in(
    url: str, server: AppServer, tmp_path: Path
) -> None:
    """Asked for, approved and run, whichever worker answers; its own result is waited for."""
    file = tmp_path / "slow.toml"
    file.write_text(SLOW)

    with visited(server):
        asked = run("chaos", "run", str(file), *WHY)
        approved = run(
            "chaos", "approve", "prices are slow", *WHY, "--token", TOKENS["bob"], "--json"
        )
        done = run("chaos", "run", "prices are slow", *WHY)

    assert (asked.exit_code, approved.exit_code, done.exit_code) == (1, 0, 0), done.output
    assert "prices are slow completed" in done.stdout
    assert json.loads(approved.stdout)["workers"] == 2

    unknown = run("chaos", "run", "prices are gone", *WHY)
    assert unknown.exit_code == 1
    assert "another of the 2 workers may have it" in unknown.stderr
