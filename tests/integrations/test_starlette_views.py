"""Whose error handler answers, and in which kinds of views, in Starlette and FastAPI."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from resilience import CircuitOpenError, Rejected, ResilienceError
from resilience.core.request import present
from resilience.testing import force_open
from resilience_starlette import Resilience, ResilienceMiddleware
from tests.integrations.contract import AsyncShop, Shop
from tests.integrations.starlette_site import ask_of, shop_app, shop_routes

# -- whose handler answers ------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", [CircuitOpenError, Rejected, ResilienceError])
def test_a_users_handler_for_ours_wins(shop: Shop, kind: type[Exception], when: str) -> None:
    """Whichever class of ours it is for, and whether it comes before or after set-up."""
    app = shop_app(shop)

    def own(request: Request, error: Any) -> Response:
        return PlainTextResponse(f"own page: {error.name}", 502)

    if when == "before":
        app.add_exception_handler(kind, own)
    Resilience(app, system=shop.system)
    if when == "after":
        app.add_exception_handler(kind, own)
    force_open("payments", system=shop.system)

    reply = ask_of(app)("/pay")
    assert (reply.status, reply.body) == (502, b"own page: payments")


def test_a_catch_all_does_not_shadow_ours(shop: Shop) -> None:
    """A handler for Exception, or for 500, gets all but ours."""
    app = shop_app(shop)
    Resilience(app, system=shop.system)
    app.add_exception_handler(Exception, lambda request, error: PlainTextResponse("caught", 500))
    force_open("payments", system=shop.system)
    ask = ask_of(app)

    assert (ask("/pay").status, ask("/late").status) == (503, 504)
    assert ask("/broken").body == b"caught"


def test_a_handler_for_system_errors_does_not_shadow_ours(shop: Shop) -> None:
    """A passed deadline is a `TimeoutError`, and so an `OSError`, but first of all it is ours."""
    app = shop_app(shop)
    app.add_exception_handler(OSError, lambda request, error: PlainTextResponse("caught", 500))
    Resilience(app, system=shop.system)
    shop.healthy = False
    ask = ask_of(app)

    assert (ask("/late").status, ask("/pay").body) == (504, b"caught")


@pytest.mark.parametrize("piecewise", [False, True])
def test_the_apps_layers_see_our_answers(shop: Shop, piecewise: bool) -> None:
    """As they see all others: a page elsewhere may read the time to wait."""
    layers = [Middleware(CORSMiddleware, allow_origins=["*"], expose_headers=["Retry-After"])]
    if piecewise:
        layers.insert(0, Middleware(ResilienceMiddleware, system=shop.system))
    app = Starlette(routes=shop_routes(shop), middleware=layers)
    if not piecewise:
        Resilience(app, system=shop.system)
    force_open("payments", system=shop.system)

    reply = ask_of(app)("/pay", headers={"Origin": "https://elsewhere.example"})

    assert (reply.status, reply.headers["access-control-allow-origin"]) == (503, "*")
    assert reply.headers["access-control-expose-headers"] == "Retry-After"


def test_rejections_in_a_task_group_are_answered(shop: Shop) -> None:
    """Calls made side by side fail as a group; one with any other error in it is not ours."""
    shop = AsyncShop()

    async def basket(request: Request) -> Response:
        async with asyncio.TaskGroup() as group:
            group.create_task(shop.pay())
            if request.query_params:
                group.create_task(shop.broken())
            async with asyncio.TaskGroup() as inner:
                inner.create_task(shop.late())
        raise AssertionError

    app = Starlette(routes=[Route("/basket", basket)])
    Resilience(app, system=shop.system)
    force_open("payments", system=shop.system)
    ask = ask_of(app)

    assert [ask("/basket").status, ask("/basket?broken=1").status] == [503, 500]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_rejection_in_middleware_is_answered(shop: Shop, when: str) -> None:
    """A guarded call in the app's own middleware is answered as one in a view."""

    async def paying(request: Request, call_next: Any) -> Response:
        shop.pay()
        return await call_next(request)

    app = shop_app(shop)
    if when == "before":
        app.add_middleware(BaseHTTPMiddleware, dispatch=paying)
    Resilience(app, system=shop.system)
    if when == "after":
        app.add_middleware(BaseHTTPMiddleware, dispatch=paying)
    force_open("payments", system=shop.system)

    assert ask_of(app)("/reviews").status == 503


def test_views_below_middleware_of_starlettes_own_kind_are_answered(shop: Shop) -> None:
    """It runs the app in a task of its own; marks and rejections come through."""

    async def passing(request: Request, call_next: Any) -> Response:
        return await call_next(request)

    app = shop_app(shop)
    app.add_middleware(BaseHTTPMiddleware, dispatch=passing)
    Resilience(app, system=shop.system)
    shop.healthy = False
    force_open("payments", system=shop.system)
    ask = ask_of(app)

    assert ask("/reviews").headers["x-degraded"] == "reviews=fallback"
    assert ask("/pay").status == 503


def test_the_instance_is_the_whole_path(shop: Shop) -> None:
    """With the prefix the app is served under, in characters that a URI may hold."""
    app = Starlette(routes=[Mount("/v1", routes=[Route("/pay/{name}", lambda _: shop.pay())])])
    Resilience(app, system=shop.system)
    force_open("payments", system=shop.system)

    reply = TestClient(app, root_path="/shop").get("/shop/v1/pay/Åsa b?token=1")

    assert reply.json()["instance"] == "/shop/v1/pay/%C3%85sa%20b"


def test_answers_to_crashes_are_marked_too(shop: Shop) -> None:
    """What was stood in for before the failure is named on a 500 and on a 503."""

    async def basket(request: Request) -> Response:
        shop.reviews()
        return PlainTextResponse(shop.pay() if request.query_params else shop.broken())

    app = Starlette(routes=[Route("/basket", basket)])
    Resilience(app, system=shop.system)
    shop.healthy = False
    force_open("payments", system=shop.system)
    ask = ask_of(app)

    crashed, rejected = ask("/basket"), ask("/basket?pay=1")

    assert (crashed.status, rejected.status) == (500, 503)
    assert crashed.headers["x-degraded"] == rejected.headers["x-degraded"] == "reviews=fallback"


@pytest.mark.parametrize("handles", ["sync", "async"])
def test_the_apps_own_answer_to_crashes_is_marked(shop: Shop, handles: str) -> None:
    """By a function or a coroutine function; and a worker that leaves sends its client away."""

    def sorry(request: Request, error: Exception) -> Response:
        return PlainTextResponse("sorry", 500)

    async def sorry_async(request: Request, error: Exception) -> Response:
        return sorry(request, error)

    async def basket(request: Request) -> Response:
        shop.reviews()
        raise ZeroDivisionError

    app = Starlette(routes=[Route("/basket", basket)])
    app.add_exception_handler(Exception, sorry if handles == "sync" else sorry_async)
    Resilience(app, system=shop.system)
    shop.healthy, shop.system.leaving = False, True

    reply = ask_of(app)("/basket")

    assert (reply.status, reply.body) == (500, b"sorry")
    assert reply.headers["x-degraded"] == "reviews=fallback"
    assert reply.headers["connection"] == "close"


# -- kinds of views -------------------------------------------------------------------------------


def test_views_of_every_kind_are_guarded(shop: Shop) -> None:
    """Plain, async, class-based, and FastAPI's dependencies."""
    guard = shop.system.circuit
    app, router = FastAPI(), APIRouter()

    class Page(HTTPEndpoint):
        @guard("page")
        async def get(self, request: Request) -> Response:
            return PlainTextResponse(shop.reviews())

    @guard("user")
    def user() -> str:
        return str(shop.reviews())

    @guard("session")
    async def session() -> AsyncIterator[str]:
        yield shop.reviews()

    @router.get("/dependency")
    def dependency(name: str = Depends(user), within: str = Depends(session)) -> str:
        return name

    @router.get("/thread")
    @guard("thread")
    def thread() -> str:
        return str(shop.reviews())

    app.include_router(router)
    app.router.routes.append(Route("/page", Page))
    Resilience(app, system=shop.system)
    ask, shop.healthy = ask_of(app), False

    for path, name in (
        ("/page", "page"),
        ("/thread", "thread"),
        ("/dependency", "user"),
        ("/dependency", "session"),
    ):
        assert ask(path).headers["x-degraded"] == "reviews=fallback"
        with force_open(name, system=shop.system):
            assert (ask(path).status, ask(path).json["circuit"]) == (503, name)


def test_websockets_pass_through(shop: Shop) -> None:
    """They have no passage; an error in one is the server's to see."""
    app = FastAPI()

    @app.websocket("/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(f"{await socket.receive_text()} {present.get() is not None}")
        await socket.receive_text()
        shop.pay()

    Resilience(app, system=shop.system)
    force_open("payments", system=shop.system)

    def talk() -> None:
        with TestClient(app).websocket_connect("/echo") as socket:
            socket.send_text("hello")
            said.append(socket.receive_text())
            socket.send_text("pay")

    said: list[str] = []
    with pytest.raises(CircuitOpenError):
        talk()
    assert said == ["hello False"]
