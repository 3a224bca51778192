"""FastAPI under real uvicorn workers, asked over real HTTP."""

import http.client
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integrations.served import ask, check_answers, check_details

OPERATOR = {"Authorization": "Bearer ops"}
ROOT = Path(__file__).resolve().parents[2]
UVICORN = [sys.executable, "-m", "uvicorn", "--no-access-log"]
LISTENING = re.compile(r"Uvicorn running on http://127\.0\.0\.1:(\d+)")


def start(app: str, *options: str) -> "subprocess.Popen[str]":
    """Start uvicorn on a free port."""
    return subprocess.Popen(
        [*UVICORN, "--port", "0", *options, f"tests.integrations.{app}"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(process: "subprocess.Popen[str]", *wanted: str) -> str:
    """Return what a server has said once it has said all that is wanted."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if all(said.count(each) >= wanted.count(each) for each in wanted):
            return said
    process.wait()
    pytest.fail(f"uvicorn never said {wanted}:\n{said}")


@pytest.fixture(params=[(), ("--lifespan", "off")], ids=["lifespan", "no lifespan"])
def options(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Give uvicorn's options."""
    found: tuple[str, ...] = request.param
    return found


@pytest.fixture
def port(options: tuple[str, ...]) -> Iterator[int]:
    """Give the port of a server with two workers, until the end of the test."""
    process = start("served_fastapi:app", "--workers", "2", *options)
    try:
        # A line of each worker; without a lifespan the last one is of its process.
        ready = "Started server process" if options else "Application startup complete."
        said = until(process, "Uvicorn running on", ready, ready)
        found = LISTENING.search(said)
        assert found is not None
        yield int(found[1])
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    assert "Traceback" not in errors, errors
    assert errors.count("Application shutdown complete.") == (0 if options else 2), errors


def test_real_workers_answer_rejected_calls_and_their_health(
    port: int, options: tuple[str, ...]
) -> None:
    """Whichever worker takes the request; the engine is a task where there is a lifespan."""
    check_answers(port)
    check_details(port)
    assert ask(port, "/worker").json["engine"] == ("thread" if options else "task")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_requests_know_how_long_they_waited_for_the_loop(port: int) -> None:
    """That nobody has looked at them yet does not mean that they have just come."""
    with ThreadPoolExecutor(8) as pool:
        waits = [each.json for each in pool.map(lambda _: ask(port, "/hold"), range(8))]

    # Of eight on two loops some have waited for two others, of 0.2 s each.
    assert max(waits) >= 0.35
    assert sum(each >= 0.15 for each in waits) >= 3


def test_a_client_that_leaves_a_stream_is_no_failure(port: int) -> None:
    """The body is closed, and its circuit has seen a call that did not fail."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/feed")
    assert connection.getresponse().read(5000)
    connection.close()

    end = time.monotonic() + 20
    while not (seen := ask(port, "/worker").json)["ended"]:
        assert time.monotonic() < end, "no worker has seen the end of the stream"

    assert (seen["feed"], seen["failures"]) == ("closed", 0)


@pytest.mark.parametrize("query", ["", "?part=board"])
def test_an_open_dashboard_does_not_keep_a_server_from_ending(query: str) -> None:
    """It waits for open connections before it tells the app: streams end by themselves."""
    process = start("served_fastapi:app")
    try:
        found = LISTENING.search(until(process, "Uvicorn running on"))
        assert found is not None
        connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=20)
        connection.request("GET", f"/resilience/api/stream{query}", headers=OPERATOR)
        stream = connection.getresponse()
        assert stream.readline()

        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
        stream.read()
        connection.close()
    finally:
        process.kill()

    assert "Application shutdown complete." in errors


def test_an_app_set_up_twice_does_not_start() -> None:
    """The server says why and leaves, although it takes a lifespan for something one may lack."""
    process = start("served_twice:app")

    _, errors = process.communicate(timeout=20)

    assert process.returncode == 3
    assert "ResilienceMiddleware is around this app already: give it once" in errors
