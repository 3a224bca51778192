"""How Starlette's requests end: with their body, broken off, or with nobody there any more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from resilience import remaining
from resilience.core import degraded
from resilience.core.request import present
from resilience.web.passage import Outcome, Passage
from resilience_starlette import Resilience
from tests.integrations.contract import AsyncShop, Shop
from tests.integrations.starlette_site import ask_of, shop_app


def passage_now() -> Passage:
    """Return the passage of the present request."""
    passage = present.get()
    assert isinstance(passage, Passage)
    return passage


def seen_passages(app: Starlette) -> list[Passage]:
    """Return the list that the passage of each request of an app is added to."""
    seen: list[Passage] = []

    class Seeing:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                seen.append(passage_now())
            await self.app(scope, receive, send)

    app.add_middleware(Seeing)
    return seen


def test_a_request_ends_with_its_body(shop: Shop) -> None:
    """However it ends; its background tasks come later."""
    order: list[Outcome | None] = []

    async def mail() -> None:
        order.append(passages[0].outcome)

    async def order_view(request: Request) -> Response:
        order.append(passages[0].outcome)
        shop.clock.advance(2)
        return PlainTextResponse("thanks", background=BackgroundTask(mail))

    app = shop_app(shop, Route("/order", order_view))
    Resilience(app, system=shop.system)
    passages = seen_passages(app)
    ask = ask_of(app)
    for path in ("/order", "/broken", "/missing/404", "/late"):
        ask(path)

    assert order == [None, Outcome(200, False, 2.0)]
    assert [each.outcome for each in passages[1:]] == [
        Outcome(None, True, 0.0),
        Outcome(404, False, 0.0),
        Outcome(504, False, 0.0),
    ]


@pytest.mark.parametrize("spec_version", ["2.3", "2.4"])
def test_a_streamed_body_that_fails_counts(shop: Shop, spec_version: str) -> None:
    """In either way in which Starlette streams; also of errors it takes for a disconnect."""

    async def body() -> AsyncIterator[str]:
        yield "part"
        raise ConnectionError("the upstream broke off")

    outcome = run_streaming(shop, body(), spec_version)

    assert outcome == Outcome(200, True, 0.0)
    assert shop.system.traffic.totals().failed == 1


@pytest.mark.parametrize("spec_version", ["2.3", "2.4"])
def test_a_client_that_goes_away_is_no_failure(shop: Shop, spec_version: str) -> None:
    """Neither for the statistics nor for a circuit around what it was waiting for."""

    @shop.system.circuit("stream", failure_threshold=1)
    async def body() -> AsyncIterator[str]:
        yield "part"
        await asyncio.Event().wait() if spec_version == "2.3" else None
        yield "never sent"

    outcome = run_streaming(shop, body(), spec_version, gone=True)

    assert outcome == Outcome(200, False, 0.0)
    assert shop.system.traffic.totals().failed == 0
    assert shop.circuit("stream").snapshot().failures == 0


def run_streaming(
    shop: Shop, body: AsyncIterator[str], spec_version: str, *, gone: bool = False
) -> Outcome | None:
    """Serve a streamed answer as a server does; return how it ended.

    Args:
        shop: whose system it is.
        body: what is streamed.
        spec_version: of ASGI; from 2.4 on a server raises OSError where the client is gone, and
            before that it only says so to who listens.
        gone: the client goes away after the first part.
    """
    app = Starlette(routes=[Route("/stream", lambda request: StreamingResponse(body))])
    Resilience(app, system=shop.system)
    passages = seen_passages(app)

    async def serve() -> None:
        first_part = asyncio.Event()

        async def send(message: Any) -> None:
            if gone and first_part.is_set() and spec_version == "2.4":
                raise OSError("connection lost")
            if message.get("body"):
                first_part.set()

        async def receive() -> Any:
            await (first_part if gone else asyncio.Event()).wait()
            return {"type": "http.disconnect"}

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": spec_version},
            "method": "GET",
            "path": "/stream",
            "headers": [],
        }
        with suppress(Exception):  # old releases raise a group of them
            await app(scope, receive, send)

    asyncio.run(serve())
    return passages[0].outcome


def test_an_upload_that_breaks_off_is_no_failure(shop: Shop) -> None:
    """The client went away while the view was reading."""

    @shop.system.circuit("upload", failure_threshold=1)
    async def upload(request: Request) -> Response:
        await request.body()
        raise AssertionError

    app = Starlette(routes=[Route("/upload", upload, methods=["POST"])])
    Resilience(app, system=shop.system)
    passages = seen_passages(app)
    scope = {"type": "http", "method": "POST", "path": "/upload", "headers": []}

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pass

    with pytest.raises(ClientDisconnect):
        asyncio.run(app(scope, receive, send))

    assert shop.circuit("upload").state == "closed"
    # What the server-error layer sent, nobody received.
    assert passages[0].outcome is not None


def test_a_cancelled_request_is_no_failure(shop: Shop) -> None:
    """As servers do that cancel what nobody waits for; a trial call gives its place back."""
    begun = asyncio.Event()

    @shop.system.circuit("slow", failure_threshold=1)
    async def slow(request: Request) -> Response:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    app = Starlette(routes=[Route("/slow", slow)])
    Resilience(app, system=shop.system)
    passages = seen_passages(app)

    async def unused(message: Any = None) -> Any:
        raise AssertionError

    async def serve() -> None:
        scope = {"type": "http", "method": "GET", "path": "/slow", "headers": []}
        request = asyncio.create_task(app(scope, unused, unused))
        await begun.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request

    asyncio.run(serve())

    assert passages[0].outcome == Outcome(None, False, 0.0)
    assert shop.circuit("slow").snapshot().failures == 0


def test_nothing_is_left_in_the_context(shop: Shop) -> None:
    """Two requests in one task, one after the other, know nothing of each other."""
    app = shop_app(AsyncShop())
    Resilience(app, system=shop.system, settings={"web": {"deadline": 5}})

    async def serve() -> None:
        async def unused(message: Any = None) -> Any:
            return {"type": "http.request"}

        for path in ("/pay", "/missing/404"):
            await app(
                {"type": "http", "method": "GET", "path": path, "headers": []}, unused, unused
            )
            assert (degraded.marks(), remaining()) == ({}, None)

    asyncio.run(serve())
