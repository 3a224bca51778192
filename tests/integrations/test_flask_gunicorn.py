"""Flask under real gunicorn workers, asked over real HTTP."""

import http.client
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integrations.contract import BROWSER, Reply

ROOT = Path(__file__).resolve().parents[2]
LISTENING = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")


def start(worker_class: str) -> tuple[subprocess.Popen[str], int]:
    """Start two workers on a free port; return the process and the port."""
    options = ["--bind", "127.0.0.1:0", "--no-control-socket"]
    options += ["--workers", "2", "--worker-class", worker_class]
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *options, "tests.integrations.served_shop:app"],
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


def ask(port: int, path: str, method: str = "GET", **headers: str) -> Reply:
    """Send one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, headers=headers)
        reply = connection.getresponse()
        named = {name.lower(): value for name, value in reply.getheaders()}
        return Reply(reply.status, named, reply.read())
    finally:
        connection.close()


def test_real_workers_answer_rejected_calls_and_their_health(port: int) -> None:
    """Whichever worker takes the request, and however many come at once."""
    with ThreadPoolExecutor(8) as pool:
        refused = list(pool.map(lambda _: ask(port, "/pay"), range(32)))
    page = ask(port, "/pay", Accept=BROWSER)
    headed = ask(port, "/pay", "HEAD")
    priced = ask(port, "/prices")

    for reply in refused:
        assert reply.status == 503
        assert 500 <= int(reply.headers["retry-after"]) <= 660
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json["circuit"] == "payments"
        assert b"hunter2" not in reply.body
    assert (page.status, page.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert (headed.status, headed.body) == (503, b"")
    assert (priced.status, priced.body) == (200, b"no prices")
    assert priced.headers["x-degraded"] == "prices=fallback"

    health = ask(port, "/health")
    assert (health.status, health.json) == (200, {"status": "warn"})
    assert ask(port, "/health/ready").status == ask(port, "/health/live").status == 200
    assert ask(port, "/health/live", "POST").status == 405
    assert json.loads(ask(port, "/degradation").body)["level"] == "normal"


def test_details_name_the_worker_that_answered(port: int) -> None:
    """Each worker has a name of its own; both turn up when enough ask at once."""
    with ThreadPoolExecutor(8) as pool:
        replies = pool.map(lambda _: ask(port, "/health", Authorization="Bearer ops"), range(64))
        details = [reply.json for reply in replies]

    assert 1 <= len({each["worker"] for each in details}) <= 2
    for each in details:
        [payments] = each["checks"]["circuit:payments"]
        assert (payments["observedValue"], payments["status"]) == ("open", "warn")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_requests_know_how_long_the_server_made_them_wait(port: int) -> None:
    """In the kernel's queue or the server's own, whatever kind of worker it has."""
    with ThreadPoolExecutor(8) as pool:
        waits = [float(reply.body) for reply in pool.map(lambda _: ask(port, "/hold"), range(8))]

    # Two at once: of eight the last ones have waited for three others, of 0.2 s each.
    assert max(waits) >= 0.35
    assert sum(each >= 0.15 for each in waits) >= 4
