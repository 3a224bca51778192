"""What cannot be asked, and what answers oddly, is said in words."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from resilience.web.admin.remote import Remote, RemoteError


@contextmanager
def answering(reply: bytes) -> Iterator[str]:
    """Give the address of a server that answers one request so, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize(
    "url",
    [
        "shop.example", "ftp://shop.example", "http://", "http://shop example", "http://shop/a b",
        "http://shop/a\nb", "http://shop:port", "http://[::1", "http://shop/\u00e4",
        "http://shop/?x=1", "http://shop/#x",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """Before anything is sent."""
    with pytest.raises(RemoteError, match="is no address"):
        Remote(url)


@pytest.mark.parametrize("token", ["two\nlines", "a\rb", "\u20ac", "caf\u00e9"])
def test_a_token_that_cannot_be_sent_is_refused(token: str) -> None:
    """In words that do not repeat it."""
    with pytest.raises(RemoteError, match="the token cannot be sent") as refused:
        Remote("http://shop.example", token)

    assert token not in str(refused.value)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (b"", "does not answer: Remote end closed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not answer: SSH-2.0"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", "does not answer: IncompleteRead"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\n{", "it answers 500 No"),
        (b"HTTP/1.1 200 OK\r\n\r\n<html>", "answers, but not with JSON"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000, "answers, but not with JSON"),
        (b"HTTP/1.1 200 OK\r\n\r\n[]", "answers, but not as expected"),
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", "it redirects to /login"),
    ],
)
def test_an_odd_answer_is_told(reply: bytes, expected: str) -> None:
    """Never as a traceback."""
    with answering(reply) as url, pytest.raises(RemoteError, match=expected):
        Remote(url, "a token").state()
