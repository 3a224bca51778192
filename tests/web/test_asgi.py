"""A passage around an ASGI app, as a server drives it."""

import asyncio
import sys
from collections.abc import Generator
from contextvars import copy_context
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from resilience import CircuitOpenError, DeadlineExceededError, System, remaining
from resilience.core import degraded
from resilience.settings import WebSettings
from resilience.testing import ManualClock
from resilience.web.asgi import (
    App,
    AsgiPassage,
    Edge,
    Message,
    Receive,
    Refusal,
    Scope,
    Send,
    path_below_root,
    whole_path,
)
from resilience.web.passage import Outcome, Passage, Site

START = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]}
PART = {"type": "http.response.body", "body": b"part", "more_body": True}
END = {"type": "http.response.body", "body": b"end"}


def test_the_connection_is_found_where_the_server_shows_it(system: System) -> None:
    """Uvicorn's `receive` is a method of what has it; nobody else's has to be."""

    class Cycle:
        def __init__(self, transport: Any) -> None:
            self.transport = transport

        async def receive(self) -> Message:
            return {}

    class Transport:
        def get_extra_info(self, name: str) -> Any:
            return Socket() if name == "socket" else None

    class Socket:
        def getsockopt(self, *_: object) -> bytes:
            return bytes(52) + (250).to_bytes(4, sys.byteorder)

    async def plain() -> Message:
        return {}

    def waited(receive: Any) -> float | None:
        scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        site = Site(System(clock=ManualClock()), WebSettings())
        return AsgiPassage(site, scope, receive).waited

    told = [waited(each) for each in (Cycle(Transport()).receive, Cycle(None).receive, plain, None)]

    assert told == [0.25 if sys.platform == "linux" else None, None, None, None]


class Routed(AsgiPassage):
    """A request whose route is known."""

    def find_route(self) -> str:
        """Return it."""
        return "/t"


class Request:
    """One request to an app, and what the server saw of the answer.

    Args:
        system: the app's.
        app: the app.
        breaks: the number of the message at which the connection turns out to be gone.
        scope: over the request's own.
    """

    def __init__(self, system: System, app: App, breaks: int | None = None, **scope: Any) -> None:
        self.scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": [], **scope}
        self.passage: Passage
        self.sent: list[Message] = []
        self.outcomes: list[Outcome | None] = []
        self._edge = Edge(app, Site(system, WebSettings(deadline=10)), self._passage)
        self._breaks = breaks

    def run(self) -> None:
        """Serve it."""
        asyncio.run(self._run())

    def _passage(self, site: Site, scope: Scope, receive: Receive) -> Passage:
        self.passage = Routed(site, scope, receive)
        return self.passage

    async def _run(self) -> None:
        await self._edge(self.scope, self._receive, self._send)

    async def _send(self, message: Message) -> None:
        if len(self.sent) == self._breaks:
            raise OSError("the connection is gone")
        self.sent.append(message)
        self.outcomes.append(self.passage.outcome)

    async def _receive(self) -> Message:
        return {"type": "http.request", "body": b""}


def sending(*messages: Message, then: BaseException | None = None) -> App:
    """Return an app that sends these messages, and then raises."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)
        if then is not None:
            raise then

    return app


def test_a_passage_ends_with_the_last_part(system: System, clock: ManualClock) -> None:
    """What the app does afterwards, nobody waits for; the route is known by then."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        clock.advance(1)
        await send(PART)
        await send(END)
        clock.advance(5)
        raise ZeroDivisionError

    request = Request(system, app)
    with pytest.raises(ZeroDivisionError):
        request.run()

    assert request.outcomes == [None, None, Outcome(200, False, 1.0)]
    assert request.passage.outcome == Outcome(200, False, 1.0)
    assert request.passage.route == "/t"


def test_an_app_that_answers_nothing_ends_it_too(system: System) -> None:
    """Without a status."""
    request = Request(system, sending())
    request.run()

    assert request.passage.outcome == Outcome(None, False, 0.0)


def test_the_app_runs_inside_the_passage(system: System) -> None:
    """With its deadline and its marks; nothing is left behind."""
    seen: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        degraded.mark("prices", "stale")
        seen.append(remaining())
        await send(START)
        degraded.mark("reviews", "fallback")
        await send(END)

    request = Request(system, app)
    request.run()

    assert seen == [10.0]
    assert request.sent[0]["headers"] == [(b"a", b"b"), (b"x-degraded", b"prices=stale")]
    assert START["headers"] == [(b"a", b"b")]
    assert (degraded.marks(), remaining()) == ({}, None)


@pytest.mark.parametrize(
    ("messages", "error", "failed"),
    [
        ([], ZeroDivisionError(), True),
        ([START, PART], ZeroDivisionError(), True),
        ([START, PART], ConnectionError("the upstream broke off"), True),
        ([START, PART], asyncio.CancelledError(), False),
        ([], asyncio.CancelledError(), False),
        ([], ClientDisconnect(), False),
        ([START, PART], ClientDisconnect(), False),
    ],
)
def test_how_a_broken_request_ends(
    system: System, messages: list[Message], error: BaseException, failed: bool
) -> None:
    """A body that breaks off is a failure; a client that goes away is none."""
    request = Request(system, sending(*messages, then=error))

    with pytest.raises(type(error)):
        request.run()

    assert request.passage.outcome == Outcome(200 if messages else None, failed, 0.0)


def test_a_lost_connection_is_no_failure(system: System) -> None:
    """The server says so when the app sends."""
    request = Request(system, sending(START, PART, PART), breaks=2)

    with pytest.raises(OSError, match="gone"):
        request.run()

    assert request.passage.outcome == Outcome(200, False, 0.0)


def test_a_lost_connection_may_be_found_in_a_task(system: System) -> None:
    """Where a task group sends, its error is one of a group."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def stream() -> None:
            await send(START)
            await send(PART)

        async with asyncio.TaskGroup() as group:
            group.create_task(stream())

    request = Request(system, app, breaks=1)
    with pytest.raises(ExceptionGroup):
        request.run()

    assert request.passage.outcome == Outcome(200, False, 0.0)


def test_a_broken_body_is_not_taken_for_a_lost_connection(system: System) -> None:
    """As Starlette does, which says of every OSError that the client went away."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        try:
            raise DeadlineExceededError("the upstream is slow")
        except OSError:
            raise ClientDisconnect from None

    request = Request(system, app)
    with pytest.raises(ClientDisconnect):
        request.run()

    assert request.passage.outcome == Outcome(200, True, 0.0)


def test_rejections_are_answered_before_the_answer_has_begun(system: System) -> None:
    """After that they are the server's to see: it breaks the connection off."""
    error = CircuitOpenError("payments", 5.0)
    refused = Request(system, sending(then=error))
    broken = Request(system, sending(START, PART, then=error))

    refused.run()
    with pytest.raises(CircuitOpenError):
        broken.run()

    start, body = refused.sent
    headers = dict(start["headers"])
    assert (start["status"], headers[b"retry-after"]) == (503, b"5")
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    assert refused.passage.outcome == Outcome(503, False, 0.0)
    assert broken.passage.outcome == Outcome(200, True, 0.0)


def test_an_answer_of_ours_that_cannot_be_sent_ends_the_passage(system: System) -> None:
    """Else the request would be under way, and take a place, for ever."""
    lost = Request(system, sending(then=CircuitOpenError("payments", 5.0)), breaks=0)

    with pytest.raises(OSError, match="gone"):
        lost.run()

    assert lost.passage.outcome == Outcome(503, False, 0.0)
    assert system.traffic.concurrency() == 0


def test_a_dropped_coroutine_is_closed_in_any_context(system: System) -> None:
    """A loop that stops leaves some to the garbage collector, which has a context of its own."""

    class Never:
        def __await__(self) -> Generator[None, None, None]:
            yield

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Never()

    async def unused(message: Any = None) -> Any:
        raise AssertionError

    scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    serving = Edge(app, Site(system, WebSettings()))(scope, unused, unused)
    copy_context().run(serving.send, None)

    serving.close()

    assert system.traffic.concurrency() == 0


def test_a_route_that_cannot_be_looked_up_leaves_no_request_under_way(system: System) -> None:
    """It is a failure of the app's, and gives its place back."""

    def view_of(scope: Scope) -> Any:
        raise LookupError("no such converter")

    async def unused(message: Any = None) -> Any:
        raise AssertionError

    system.degradation.degrade("minimal", "a test")
    edge = Edge(sending(START, END), Site(system, WebSettings()), view_of=view_of)
    scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}

    with pytest.raises(LookupError):
        asyncio.run(edge(scope, unused, unused))

    assert system.traffic.concurrency() == 0
    assert system.traffic.totals().failed == 1


def test_without_a_passage_nothing_is_answered(system: System) -> None:
    """A websocket's rejection is left alone."""
    error = CircuitOpenError("payments", 5.0)
    app = Edge(sending(then=error), Site(system, WebSettings()))

    async def unused(message: Any = None) -> Any:
        raise AssertionError

    with pytest.raises(CircuitOpenError):
        asyncio.run(app({"type": "websocket"}, unused, unused))


def test_a_refused_start_is_said_to_the_server() -> None:
    """And to whoever comes all the same."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message)

    refusal = Refusal(ValueError("set it up once"))
    for kind in ("lifespan", "http"):
        with pytest.raises(ValueError, match="once"):
            asyncio.run(refusal({"type": kind}, receive, send))

    assert sent == [{"type": "lifespan.startup.failed", "message": "set it up once"}]


@pytest.mark.parametrize(
    ("scope", "below", "whole"),
    [
        ({"path": "/pay"}, "/pay", "/pay"),
        ({"path": "/shop/pay", "root_path": "/shop"}, "/pay", "/shop/pay"),
        ({"path": "/pay", "root_path": "/shop"}, "/pay", "/shop/pay"),
        ({"path": "/shopping", "root_path": "/shop"}, "/shopping", "/shop/shopping"),
        ({"path": "/shop", "root_path": "/shop"}, "", "/shop"),
        ({"path": "/a/b/c", "root_path": "/a/b", "app_root_path": "/a"}, "/c", "/a/b/c"),
        ({"path": "/b/c", "root_path": "/a/b", "app_root_path": "/a"}, "/b/c", "/a/b/c"),
    ],
)
def test_paths(scope: dict[str, str], below: str, whole: str) -> None:
    """Servers, proxies and mounts differ in whether the path has the root in it."""
    assert (path_below_root(scope), whole_path(scope)) == (below, whole)


def test_headers_are_read_when_somebody_asks(system: System) -> None:
    """A request's time is the caller's, where that is shorter; names are in lower case."""
    headers = [(b"x-request-timeout", b"2"), (b"cookie", b"secret=1")]
    seen: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(remaining())

    request = Request(system, app, headers=headers)
    request.run()

    assert seen == [2.0]
    assert request.passage.all_headers == {"x-request-timeout": "2", "cookie": "secret=1"}


def test_an_error_of_the_server_itself_counts_once(system: System) -> None:
    """The passage ends before the last part is sent: a connection lost with it is no failure."""
    request = Request(system, sending(START, END), breaks=1)

    with pytest.raises(OSError, match="gone"):
        request.run()

    assert request.passage.outcome == Outcome(200, False, 0.0)
    assert system.traffic.totals().finished == 1
