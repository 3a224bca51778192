"""Turning requests away in Starlette: what of the app still runs, and whose answer wins."""

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount

from resilience import OverloadedError, critical, sheddable
from resilience_starlette import Resilience, ResilienceMiddleware
from tests.integrations.contract import Reply, Shop
from tests.integrations.starlette_site import ask_of, shop_app, shop_routes


@pytest.fixture
def crowded(shop: Shop) -> Shop:
    """Give a shop at its minimal level."""
    shop.system.degradation.degrade("minimal", "a test")
    return shop


class Counting:
    """A layer of the app that counts its requests."""

    count = 0

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Count a request."""
        Counting.count += scope["type"] == "http"
        await self.app(scope, receive, send)


@pytest.mark.parametrize("piecewise", [False, True])
def test_nothing_of_the_app_runs_before_a_request_is_turned_away(
    crowded: Shop, piecewise: bool
) -> None:
    """Cross-origin headers are for every answer, though."""
    layers = [Middleware(Counting), Middleware(CORSMiddleware, allow_origins=["*"])]
    if piecewise:
        layers.insert(0, Middleware(ResilienceMiddleware, system=crowded.system))
    app = Starlette(routes=shop_routes(crowded), middleware=layers)
    if not piecewise:
        Resilience(app, system=crowded.system)
    before = Counting.count

    reply = ask_of(app)("/extras", headers={"Origin": "https://elsewhere.example"})

    assert (reply.status, Counting.count) == (503, before)
    assert reply.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("kind", [OverloadedError, Exception])
def test_the_apps_own_answer_wins(crowded: Shop, kind: type[Exception]) -> None:
    """That for `OverloadedError` or its bases among ours; one for all errors is for others."""

    async def sorry(request: Request, error: Any) -> Response:
        return JSONResponse({"sorry": error.name}, 429)

    app = shop_app(crowded)
    app.add_exception_handler(kind, sorry)
    Resilience(app, system=crowded.system)

    reply = ask_of(app)("/extras")

    assert reply.status == (503 if kind is Exception else 429)
    assert crowded.system.traffic.totals().shed == 1


def test_marks_are_found_wherever_the_route_is(crowded: Shop) -> None:
    """In routers and below mounts, of FastAPI and Starlette; and without a route."""

    @sheddable
    async def extra() -> str:
        return "more"

    @critical
    async def order() -> str:
        return "paid"

    app, router, inner = FastAPI(), APIRouter(prefix="/v1"), FastAPI()
    router.add_api_route("/extra", extra)
    router.add_api_route("/order", order)
    app.include_router(router, prefix="/api")
    inner.add_api_route("/extra", extra)
    app.mount("/inner", inner)
    app.mount("/plain", Starlette(routes=[Mount("/deep", routes=shop_routes(crowded))]))
    Resilience(app, system=crowded.system)
    ask = ask_of(app)

    asked: dict[str, Reply] = {
        path: ask(path)
        for path in (
            *("/api/v1/extra", "/api/v1/order", "/inner/extra", "/plain/deep/extras"),
            *("/plain/deep/pay", "/nowhere", "/plain/nowhere"),
        )
    }

    assert [each.status for each in asked.values()] == [503, 200, 503, 503, 200, 404, 404]


def test_an_app_without_a_framework_sheds_by_path(crowded: Shop) -> None:
    """The layer is around any ASGI app; there is nobody else whose answer could win."""

    async def bare(scope: Any, receive: Any, send: Any) -> None:
        await JSONResponse("served")(scope, receive, send)

    web = {"web": {"sheddable": ["/extras"]}}
    ask = ask_of(ResilienceMiddleware(bare, system=crowded.system, settings=web))

    assert [ask("/extras").status, ask("/other").status] == [503, 200]
