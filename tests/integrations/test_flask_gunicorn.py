"""Flask under real gunicorn workers, asked over real HTTP."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integrations.served import ask, check_answers, check_details

ROOT = Path(__file__).resolve().parents[2]
LISTENING = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")


def start(worker_class: str) -> tuple[subprocess.Popen[str], int]:
    """Start two workers on a free port; return the process and the port."""
    options = ["--bind", "127.0.0.1:0", "--no-control-socket"]
    options += ["--workers", "2", "--worker-class", worker_class]
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *options, "tests.integrations.served_flask:app"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if found := LISTENING.search(line):
            return process, int(found[1])
    process.wait()
    pytest.fail("gunicorn did not start:\n" + "".join(said))


@pytest.fixture(params=["sync", "gthread"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """Give the port of a server with two workers, until the end of the test."""
    process, port = start(request.param)
    try:
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
        assert "Traceback" not in errors, errors


def test_real_workers_answer_rejected_calls_and_their_health(port: int) -> None:
    """Whichever worker takes the request, and however many come at once."""
    check_answers(port)


def test_details_name_the_worker_that_answered(port: int) -> None:
    """Each worker has a name of its own."""
    check_details(port)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_requests_know_how_long_the_server_made_them_wait(port: int) -> None:
    """In the kernel's queue or the server's own, whatever kind of worker it has."""
    with ThreadPoolExecutor(8) as pool:
        waits = [float(reply.body) for reply in pool.map(lambda _: ask(port, "/hold"), range(8))]

    # Two at once: of eight the last ones have waited for three others, of 0.2 s each.
    assert max(waits) >= 0.35
    assert sum(each >= 0.15 for each in waits) >= 4
