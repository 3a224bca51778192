"""How long a request has waited: what proxies say, and what the kernel knows."""

import socket
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from resilience.web.waiting import since_received, stamped


@pytest.mark.parametrize(
    "header",
    [
        "t=1750000000.123",  # nginx
        "1750000000.123",
        "1750000000123",  # milliseconds
        "t=1750000000123000",  # Apache: microseconds
        "1750000000123000000",
        " t=1750000000.123 ",
        "t=1750000000.123, t=1750000009.000",  # two proxies: the first one saw it first
    ],
)
def test_stamps_of_all_forms(header: str) -> None:
    """Seconds since 1970, whatever the unit was."""
    assert stamped(header) == pytest.approx(1750000000.123, abs=1e-3)


@pytest.mark.parametrize(
    "header",
    ["", "now", "t=", "t=abc", "-1750000000", "1e9", "nan", "inf", "175000000", "t=1" + "0" * 30,
     "\uff11" * 10, "1750000000.", "t=1750000000.1234567890", "0x1234567890"],
)  # fmt: skip
def test_what_is_no_stamp_says_nothing(header: str) -> None:
    """It is ignored, whatever a client sends."""
    assert stamped(header) is None


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Give a client's socket and the server's end of it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        with client, accepted:
            yield client, accepted


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_the_kernel_knows_when_a_request_came(
    connection: tuple[socket.socket, socket.socket],
) -> None:
    """Not when it was accepted or read; the next one on the same connection counts anew."""
    client, accepted = connection
    began = time.monotonic()
    client.sendall(b"GET / HTTP/1.1\r\n\r\n")

    while (waited := since_received(accepted)) is None or waited < 0.05:
        assert time.monotonic() - began < 30
        threading.Event().wait(0.005)
    accepted.recv(100)
    assert waited <= time.monotonic() - began + 0.01

    client.sendall(b"GET /again HTTP/1.1\r\n\r\n")
    while accepted.recv(100) == b"":
        pass
    again = since_received(accepted)
    assert again is not None
    assert again < waited


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_socket_that_only_lends_itself_is_asked_too(
    connection: tuple[socket.socket, socket.socket],
) -> None:
    """As those of uvloop do; what was lent is given back."""
    client, accepted = connection
    client.sendall(b"GET / HTTP/1.1\r\n\r\n")
    lent: list[socket.socket] = []

    class Lending:
        def getsockopt(self, *_: object) -> bytes:
            raise TypeError("transport sockets do not support getsockopt() method")

        def dup(self) -> socket.socket:
            lent.append(accepted.dup())
            return lent[-1]

    waited = since_received(Lending())

    assert waited is not None
    assert 0 <= waited < 30
    assert [each.fileno() for each in lent] == [-1]


def test_where_the_kernel_does_not_know_nobody_does() -> None:
    """No socket, a Unix one, a closed one, or something else altogether."""
    one, other = socket.socketpair()
    with one, other:
        told = [since_received(each) for each in (None, one, object(), "socket")]
    closed = socket.socket()
    closed.close()

    assert told == [None] * 4
    assert since_received(closed) is None
