"""The flaky upstream does over real sockets what it was told to do."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from flaky_upstream.behaviour import Applied, Behaviour, Mode, read_behaviour
from flaky_upstream.catalogue import PRICES, recommendations
from flaky_upstream.control import PATHS
from flaky_upstream.server import BODY_LIMIT, Upstream
from flaky_upstream.validation import InvalidFieldError

EXAMPLES = Path(__file__).parents[2] / "example_projects"
PATIENCE = 10.0  # seconds a test waits for what must come


class Client:
    """Makes calls to one upstream, each on a connection of its own."""

    def __init__(self, port: int) -> None:
        self.port = port

    def connect(self, timeout: float = PATIENCE) -> HTTPConnection:
        """Return a new connection; `timeout` in seconds."""
        return HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def call(
        self, method: str, path: str, document: object = None, timeout: float = PATIENCE
    ) -> tuple[int, Any]:
        """Return the status and the parsed body of one call."""
        body = None if document is None else json.dumps(document)
        with closing(self.connect(timeout)) as connection:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def tell(self, **behaviour: object) -> None:
        """Put a behaviour in force."""
        status, answer = self.call("PUT", "/behaviour", behaviour)
        assert status == 200, answer

    def counts(self) -> Any:
        """Return the calls counted so far."""
        return self.call("GET", "/counts")[1]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """Return an upstream that serves in a thread, on a free port."""
    with Upstream("127.0.0.1", 0) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.02,))
        serving.start()
        yield server
        server.shutdown()
        serving.join()


@pytest.fixture
def client(upstream: Upstream) -> Client:
    """Return a client of the upstream."""
    return Client(upstream.server_port)


def eventually(condition: Callable[[], bool]) -> bool:
    """Ask until the condition holds, and tell whether it did in time."""
    end = monotonic() + PATIENCE
    while not (held := condition()) and monotonic() < end:
        threading.Event().wait(0.01)
    return held


def serving_threads() -> int:
    """Return how many connections are being served in this process."""
    return sum("process_request_thread" in thread.name for thread in threading.enumerate())


def test_a_healthy_service_answers(client: Client) -> None:
    """Prices, recommendations and payments are what the catalogue says."""
    assert client.call("GET", "/prices") == (200, PRICES)
    assert client.call("GET", "/recommendations/ann%20b") == (200, recommendations("ann b"))
    assert client.call("POST", "/payments", {"order": "7", "cents": 5}) == (201, {"paid": "7"})


def test_recommendations_are_steady_and_known() -> None:
    """A user gets the same three different skus each time, all with a price."""
    for user in ("ann", "bob", "ünal", "x" * 500):
        first = recommendations(user)
        assert (len(set(first)), first) == (3, recommendations(user))
        assert set(first) <= set(PRICES)


@pytest.mark.parametrize(("told", "status"), [({}, 500), ({"status": 429}, 429)])
def test_fail_answers_with_the_status(client: Client, told: dict[str, int], status: int) -> None:
    """`fail` answers every path with 500, or the status given."""
    client.tell(mode="fail", **told)

    assert client.call("GET", "/prices") == (status, {"error": "told to fail"})
    assert client.call("POST", "/payments", {"order": 1, "cents": 1})[0] == status


def test_latency_delays_the_answer(client: Client) -> None:
    """The answer comes no earlier than the latency, and is still right."""
    client.tell(mode="answer", latency=0.2)
    started = monotonic()

    assert client.call("GET", "/prices") == (200, PRICES)

    assert 0.2 <= monotonic() - started < 2


def test_hang_lasts_until_told_otherwise(client: Client) -> None:
    """A hanging call times out at the client; one that waits is answered once it is mended."""
    client.tell(mode="hang")
    with pytest.raises(TimeoutError):
        client.call("GET", "/prices", timeout=0.2)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.call, "GET", "/prices")
        assert eventually(lambda: client.counts()["calls"] == 2)
        assert not waiting.done()
        client.tell(mode="answer")
        assert waiting.result(PATIENCE) == (200, PRICES)


def test_a_hanging_call_ignores_what_other_paths_are_told(client: Client) -> None:
    """Only a change of its own path wakes a call."""
    client.tell(mode="hang", path="/prices")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.call, "GET", "/prices")
        assert eventually(lambda: client.counts()["calls"] == 1)
        client.tell(mode="answer", path="/payments")
        assert not waiting.done()
        client.tell(mode="fail", path="/prices", status=503)
        assert waiting.result(PATIENCE)[0] == 503


@pytest.mark.parametrize("told", [{"mode": "hang"}, {"mode": "drip", "interval": 60}])
def test_a_client_that_leaves_frees_its_thread(client: Client, told: dict[str, object]) -> None:
    """No thread stays for a call whose client is gone."""
    client.tell(**told)
    connections = [client.connect() for _ in range(5)]
    for connection in connections:
        connection.request("GET", "/prices")
    assert eventually(lambda: client.counts()["sick"] == 5)

    for connection in connections:
        connection.close()

    assert eventually(lambda: serving_threads() == 0)


def test_drip_sends_byte_by_byte(client: Client) -> None:
    """Headers come at once, the body in single bytes, and the rest when mended."""
    client.tell(mode="drip", interval=0.05)
    with closing(client.connect()) as connection:
        connection.request("GET", "/prices")
        answer = connection.getresponse()
        started = monotonic()
        begin = answer.read(5)
        took = monotonic() - started
        client.tell(mode="answer")

        assert json.loads(begin + answer.read()) == PRICES
        assert took >= 4 * 0.05


def test_drop_closes_without_an_answer(client: Client) -> None:
    """The client sees its connection reset, not an answer."""
    client.tell(mode="drop")

    for path in ("/prices", "/recommendations/ann"):
        with pytest.raises(ConnectionError):
            client.call("GET", path)


def test_a_behaviour_for_one_path_spares_the_others(client: Client) -> None:
    """`path` limits what is told; no path means all, and replaces what was told before."""
    client.tell(mode="fail", path="/prices")
    assert [client.call("GET", path)[0] for path in ("/prices", "/recommendations/a")] == [500, 200]

    client.tell(mode="answer")

    assert client.call("GET", "/prices")[0] == 200
    in_force = client.call("GET", "/behaviour")[1]
    assert [in_force[path]["mode"] for path in PATHS] == ["answer"] * 3


def test_share_hits_the_same_calls_for_the_same_seed(client: Client) -> None:
    """The share is drawn from the seed: about so many, and the same ones each time."""

    def statuses() -> list[int]:
        client.tell(mode="fail", share=0.3, seed=7)
        return [client.call("GET", "/prices")[0] for _ in range(60)]

    first = statuses()

    assert first == statuses()
    assert 6 <= first.count(500) <= 30


def test_share_and_jitter_are_within_their_bounds() -> None:
    """Of 10,000 plans 30 % are hit, and delays spread evenly over latency and jitter."""
    told = Behaviour(mode=Mode.DROP, share=0.3, latency=1.0, jitter=0.5)
    applied = Applied(told)
    plans = [applied.plan() for _ in range(10_000)]

    assert sum(plan.mode is Mode.DROP for plan in plans) == pytest.approx(3000, rel=0.1)
    assert all(1.0 <= plan.delay <= 1.5 for plan in plans)
    assert sum(plan.delay for plan in plans) / 10_000 == pytest.approx(1.25, rel=0.01)


@pytest.mark.parametrize(
    ("told", "field", "allowed"),
    [
        ({}, "mode", "one of answer, fail, hang, drip, drop"),
        ({"mode": "explode"}, "mode", "one of answer, fail, hang, drip, drop"),
        ({"mode": ["fail"]}, "mode", "one of answer, fail, hang, drip, drop"),
        ({"mode": "fail", "path": "/"}, "path", "one of /prices, /recommendations, /payments"),
        ({"mode": "fail", "path": None}, "path", "one of /prices, /recommendations, /payments"),
        ({"mode": "fail", "latency": -1}, "latency", "a number from 0 to 300"),
        ({"mode": "fail", "latency": "1"}, "latency", "a number from 0 to 300"),
        ({"mode": "fail", "latency": 10**400}, "latency", "a number from 0 to 300"),
        ({"mode": "fail", "latency": float("inf")}, "body", "a JSON document"),
        ({"mode": "fail", "jitter": float("nan")}, "body", "a JSON document"),
        ({"mode": "fail", "share": 1.01}, "share", "a number from 0 to 1"),
        ({"mode": "fail", "share": True}, "share", "a number from 0 to 1"),
        ({"mode": "fail", "status": 200}, "status", "an integer from 400 to 599"),
        ({"mode": "fail", "status": 500.5}, "status", "an integer from 400 to 599"),
        ({"mode": "drip", "interval": 0}, "interval", "a number from 0.001 to 60"),
        ({"mode": "fail", "seed": -1}, "seed", "an integer from 0 to 4294967295"),
        ({"mode": "fail", "late": 1}, "late", "no such field: mode, path, latency, jitter"),
        (["fail"], "body", "an object with mode, path"),
    ],
)
def test_a_wrong_behaviour_is_refused(
    client: Client, told: object, field: str, allowed: str
) -> None:
    """The answer names field, value and what is allowed; what was in force stays."""
    before = client.call("GET", "/behaviour")

    status, answer = client.call("PUT", "/behaviour", told)

    assert (status, answer["field"]) == (400, field)
    assert answer["allowed"].startswith(allowed)
    assert answer["error"].startswith(f"{field} is ")
    assert client.call("GET", "/behaviour") == before


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 60_000, b"1e999"])
def test_a_body_that_is_no_json_is_refused(client: Client, body: bytes) -> None:
    """No body is too odd for a clear 400."""
    with closing(client.connect()) as connection:
        connection.request("PUT", "/behaviour", body)
        answer = connection.getresponse()

        assert (answer.status, json.loads(answer.read())["allowed"]) == (400, "a JSON document")


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"cents": 1}, "order"),
        ({"order": "", "cents": 1}, "order"),
        ({"order": True, "cents": 1}, "order"),
        ({"order": "7"}, "cents"),
        ({"order": "7", "cents": 0}, "cents"),
        ({"order": "7", "cents": 1.5}, "cents"),
        ({"order": "7", "cents": 1, "tip": 1}, "tip"),
    ],
)
def test_a_wrong_payment_is_refused(client: Client, document: object, field: str) -> None:
    """Nothing is paid that is not clear."""
    status, answer = client.call("POST", "/payments", document)

    assert (status, answer["field"]) == (400, field)


def test_unknown_paths_and_methods(client: Client) -> None:
    """404 and 405 as JSON, and the connection goes on; none of them counts as a call."""
    with closing(client.connect()) as connection:
        for method, path, expected in (
            ("GET", "/nothing", 404),
            ("GET", "//[", 404),
            ("GET", "/recommendations", 404),
            ("GET", "/recommendations/", 404),
            ("GET", "/prices/mug", 404),
            ("POST", "/prices", 405),
            ("DELETE", "/behaviour", 405),
            ("GET", "/counts", 200),
        ):
            connection.request(method, path, body=b"{}")
            answer = connection.getresponse()
            document = json.loads(answer.read())
            assert answer.status == expected, (method, path)
    assert document["calls"] == 0
    assert answer.getheader("Allow") is None


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"Content-Length": str(BODY_LIMIT + 1)}, b" " * (BODY_LIMIT + 1), 413),
        ({"Content-Length": "1" + "0" * 30}, b"", 411),
        ({"Content-Length": "-1"}, b"", 411),
        ({"Transfer-Encoding": "chunked"}, b"0\r\n\r\n", 411),
    ],
)
def test_bodies_that_cannot_be_read(
    client: Client, headers: dict[str, str], body: bytes, expected: int
) -> None:
    """Too long a body, and one whose length is not said, end the connection with a reason."""
    with closing(client.connect()) as connection:
        connection.putrequest("PUT", "/behaviour")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()

        assert (answer.status, answer.getheader("Connection")) == (expected, "close")


def test_counts_tell_paths_modes_and_sick_calls(client: Client) -> None:
    """Calls are counted under the mode that applied when they came; a reset starts from zero."""
    client.call("GET", "/prices")
    client.tell(mode="fail", path="/prices")
    client.call("GET", "/prices")
    client.call("GET", "/prices")
    client.call("GET", "/recommendations/ann")

    assert client.counts() == {
        "calls": 4,
        "sick": 2,
        "modes": {"answer": 2, "fail": 2, "hang": 0, "drip": 0, "drop": 0},
        "paths": {
            "/prices": {"answer": 1, "fail": 2},
            "/recommendations": {"answer": 1},
            "/payments": {},
        },
    }

    assert client.call("DELETE", "/counts")[1] == client.counts()
    assert (client.counts()["calls"], client.counts()["sick"]) == (0, 0)


def test_twenty_clients_at_once_lose_no_call(client: Client) -> None:
    """Twenty keep-alive clients are served side by side, and every call is counted."""
    client.tell(mode="answer", latency=0.05)

    def five_calls(_: int) -> list[int]:
        with closing(client.connect()) as connection:
            return [_get(connection, "/prices") for _ in range(5)]

    started = monotonic()
    with ThreadPoolExecutor(20) as pool:
        statuses = [status for each in pool.map(five_calls, range(20)) for status in each]

    assert statuses == [200] * 100
    assert client.counts()["paths"]["/prices"] == {"answer": 100}
    assert monotonic() - started < 100 * 0.05 / 2  # one after another it would be 5 s


def test_a_call_on_a_kept_connection_waits_for_no_acknowledgement(client: Client) -> None:
    """Calls one after another take far less than the 40 ms of a delayed acknowledgement each."""
    with closing(client.connect()) as connection:
        started = monotonic()
        statuses = {_get(connection, "/prices") for _ in range(50)}

    assert statuses == {200}
    assert monotonic() - started < 50 * 0.04 / 2


def _get(connection: HTTPConnection, path: str) -> int:
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_closing_ends_hanging_calls_and_idle_connections(upstream: Upstream) -> None:
    """After `server_close` no thread of it is left."""
    client = Client(upstream.server_port)
    with closing(client.connect()) as idle, closing(client.connect()) as hanging:
        assert _get(idle, "/prices") == 200
        client.tell(mode="hang")
        hanging.request("GET", "/prices")
        assert eventually(lambda: client.counts()["sick"] == 1)
        hanging.sock.sendall(b"GET /prices HTTP/1.1\r\n")  # sent ahead, and never read

        upstream.shutdown()
        upstream.server_close()

        with pytest.raises(ConnectionError):
            hanging.getresponse()
        assert eventually(lambda: serving_threads() == 0)


def test_a_client_that_sends_half_a_request_harms_nobody(
    upstream: Upstream, client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    """A request cut short, by an orderly end or a reset, is no call and no traceback."""
    for sent in (b"GET /pri", b"POST /payments HTTP/1.1\r\nContent-Length: 50\r\n\r\n{"):
        for linger in (0, 1):
            with socket.create_connection(("127.0.0.1", upstream.server_port)) as raw:
                raw.sendall(sent)
                assert eventually(lambda: serving_threads() == 1)
                option = struct.pack("ii", linger, 0)
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
            assert eventually(lambda: serving_threads() == 0)

    assert client.counts()["calls"] == 0
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"mode": "hang"}, (None, Behaviour(mode=Mode.HANG))),
        (
            {"mode": "drip", "path": "/payments", "interval": 1, "seed": 3},
            ("/payments", Behaviour(mode=Mode.DRIP, interval=1.0, seed=3)),
        ),
    ],
)
def test_read_behaviour(document: object, expected: tuple[str | None, Behaviour]) -> None:
    """What is left out has its default."""
    assert read_behaviour(document, PATHS) == expected


def test_a_number_that_is_none_is_out_of_range() -> None:
    """NaN compares with nothing, and is refused all the same."""
    with pytest.raises(InvalidFieldError, match="jitter is nan"):
        read_behaviour({"mode": "fail", "jitter": float("nan")}, PATHS)


def test_an_invalid_field_tells_all_in_one_line() -> None:
    """The error's text is what the client reads."""
    with pytest.raises(InvalidFieldError, match=r"^share is 2; allowed: a number from 0 to 1$"):
        read_behaviour({"mode": "fail", "share": 2}, PATHS)


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start the service as a program of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "flaky_upstream", *arguments],
        env={**os.environ, "PYTHONPATH": str(EXAMPLES)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_program_at_once_while_calls_hang(number: signal.Signals) -> None:
    """It says where it listens, and ends cleanly in well under a second or two."""
    with start("--port", "0") as program:
        assert program.stdout is not None
        said = program.stdout.readline()
        assert said.startswith("listening on http://127.0.0.1:")
        client = Client(int(said.rpartition(":")[2]))
        client.tell(mode="hang")
        with ThreadPoolExecutor(3) as pool:
            hanging = [pool.submit(client.call, "GET", "/prices") for _ in range(3)]
            assert eventually(lambda: client.counts()["sick"] == 3)
            program.send_signal(number)
            assert program.wait(3) == 0
            errors = [each.exception(PATIENCE) for each in hanging]
        assert all(isinstance(error, ConnectionError) for error in errors)
        assert program.communicate()[1] == ""


@pytest.mark.parametrize(
    ("port", "line"),
    [
        ("http", "'http' is not a port: 0 (any free one) to 65535"),
        ("65536", "'65536' is not a port: 0 (any free one) to 65535"),
        ("-1", "'-1' is not a port: 0 (any free one) to 65535"),
    ],
)
def test_a_bad_port_is_one_clear_line(port: str, line: str) -> None:
    """Exit status 2, and nothing but the line."""
    with start(f"--port={port}") as program:
        out, error = program.communicate(timeout=PATIENCE)

    assert (program.returncode, out) == (2, "")
    assert error == f"flaky_upstream: argument --port: {line}\n"


def test_a_taken_port_is_one_clear_line(upstream: Upstream) -> None:
    """The address is named, and no traceback is shown."""
    with start("--port", str(upstream.server_port)) as program:
        error = program.communicate(timeout=PATIENCE)[1]

    address = f"127.0.0.1:{upstream.server_port}"
    assert program.returncode == 2
    assert error == f"flaky_upstream: cannot listen on {address}: Address already in use\n"
