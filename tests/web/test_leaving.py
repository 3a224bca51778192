"""A worker that is about to end: its answers send clients away."""

import asyncio
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from resilience import System
from resilience.settings import WebSettings
from resilience.web import asgi, wsgi
from resilience.web.asgi import Message, Receive, Scope, Send
from resilience.web.passage import Site
from tests.web.passages import PlainPassage


class GunicornsResponse:
    """What gunicorn's `start_response` is a method of."""

    def __init__(self) -> None:
        self.closes = False
        self.headers: list[tuple[str, str]] = []

    def force_close(self) -> None:
        """Close the connection after this answer."""
        self.closes = True

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        """Begin."""
        self.headers = headers


def hello(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    """Answer."""
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


@pytest.mark.parametrize("leaving", [False, True])
def test_gunicorn_is_told_to_close(system: System, leaving: bool) -> None:
    """As it drops the header, which PEP 3333 does not allow an app to send."""
    system.leaving = leaving
    response = GunicornsResponse()
    passage = PlainPassage(system)

    b"".join(wsgi.passing(passage, hello, {}, response.start_response))

    assert response.closes is leaving
    assert response.headers == [("Content-Type", "text/plain")]


def test_another_server_is_left_alone(system: System) -> None:
    """Its `start_response` is a plain function."""
    system.leaving = True
    started: list[str] = []
    passage = PlainPassage(system)

    def start(status: str, headers: Any, exc_info: Any = None) -> Any:
        started.append(status)

    assert b"".join(wsgi.passing(passage, hello, {}, start)) == b"hello"
    assert started == ["200 OK"]


@pytest.mark.parametrize(
    ("leaving", "version", "closes"),
    [(True, "1.1", True), (False, "1.1", False), (True, "2", False)],
)
def test_asgi_answers_close_their_connection(
    system: System, leaving: bool, version: str, closes: bool
) -> None:
    """By the header, except in HTTP/2, which has none."""
    system.leaving = leaving
    scope: Scope = {
        "type": "http", "method": "GET", "path": "/", "headers": [], "http_version": version,
    }  # fmt: skip
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(asgi.Edge(app, Site(system, WebSettings()))(scope, receive, send))

    assert ((b"connection", b"close") in sent[0]["headers"]) is closes
