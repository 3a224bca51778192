"""How a Starlette or FastAPI app is set up, and what is refused."""

import asyncio
from typing import Any

import httpx
import pytest
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from resilience import (
    ConfigurationError,
    ConfigurationWarning,
    System,
)
from resilience_starlette import Resilience, ResilienceMiddleware, routes
from tests.integrations.contract import ENDPOINTS, OPERATOR, Shop
from tests.integrations.starlette_site import (
    ask_of,
    authorize,
    plain,
    refuse,
    shop_app,
    shop_routes,
)


async def own(request: Request) -> PlainTextResponse:
    """Answer as the app's own."""
    return PlainTextResponse("own")


# -- setting up -----------------------------------------------------------------------------------


def test_a_factory_serves_several_apps(shop: Shop) -> None:
    """One extension, two apps: nothing of them is on the extension."""
    extension = Resilience(system=shop.system)
    before = dict(vars(extension))
    first, second = shop_app(shop), FastAPI()

    extension.init_app(first)
    extension.init_app(second)

    assert before == vars(extension)
    assert ask_of(first)("/health").status == ask_of(second)("/health").status == 200
    assert first.state.resilience is not second.state.resilience


def test_a_second_set_up_is_refused(shop: Shop) -> None:
    """In words that say what to do instead."""
    app = FastAPI(title="shop")
    Resilience(app, system=shop.system)

    with pytest.raises(ConfigurationError, match=r"app 'shop' is set up already.*once"):
        Resilience(app, system=shop.system)


def test_set_up_after_the_first_request_is_refused(shop: Shop) -> None:
    """And leaves the app and the system as they were."""
    app = shop_app(shop)
    ask_of(app)("/pay")

    with pytest.raises(ConfigurationError, match="'Starlette' has begun to serve: call"):
        Resilience(app, system=shop.system, settings={"circuits": {"payments": {"window": 1}}})

    assert not hasattr(app.state, "resilience")
    assert shop.circuit("payments").settings.window == 60


@pytest.mark.parametrize("wrong", ["shop", Flask("shop")])
def test_only_an_app_can_be_set_up(wrong: Any) -> None:
    """A name or another framework's app is refused at once."""
    with pytest.raises(ConfigurationError, match="give a Starlette or FastAPI app"):
        Resilience(wrong)


def test_authorize_has_to_be_a_function(shop: Shop) -> None:
    """A token in its place is refused at once."""
    with pytest.raises(ConfigurationError, match="authorize='token': give a function"):
        Resilience(shop_app(shop), system=shop.system, authorize="token")  # type: ignore[arg-type]


def test_by_default_it_is_the_process_wide_system(shop: Shop) -> None:
    """The system of the bare decorators."""
    from resilience import system

    app = shop_app(shop)
    Resilience(app)

    assert app.state.resilience.system is system


@pytest.mark.parametrize("started", [True, False])
def test_two_layers_are_refused_at_the_start(shop: Shop, started: bool) -> None:
    """The server hears it, and so does who asks where no lifespan is run."""
    layers = [Middleware(ResilienceMiddleware, system=shop.system)] * 2
    app = Starlette(routes=shop_routes(shop), middleware=layers)

    with pytest.raises(ConfigurationError, match="around this app already"):
        refuse(app, started=started)


@pytest.mark.parametrize("started", [True, False])
def test_one_line_and_the_layer_besides_are_refused(shop: Shop, started: bool) -> None:
    """Whichever was there first."""
    app = FastAPI(title="shop", middleware=[Middleware(ResilienceMiddleware, system=shop.system)])
    Resilience(app, system=shop.system)

    with pytest.raises(ConfigurationError, match="'shop' has ResilienceMiddleware and Resilience"):
        refuse(app, started=started)


def test_a_mounted_app_may_have_its_own(shop: Shop) -> None:
    """Two apps, each set up once."""
    inner = shop_app(shop)
    Resilience(inner, system=shop.system)
    outer = Starlette(routes=[Mount("/inner", inner)])
    Resilience(outer, system=System())
    shop.healthy = False

    reply = ask_of(outer)("/inner/reviews")

    assert reply.headers["x-degraded"] == "reviews=fallback"  # once, by the one it belongs to


# -- views that bypass their guards ---------------------------------------------------------------


def test_a_guard_above_the_route_is_warned_of(shop: Shop) -> None:
    """At the start, by the view's name and path: requests would bypass the guard."""
    app = FastAPI()
    Resilience(app, system=shop.system)

    @shop.system.circuit("offers")
    @app.get("/offers")
    async def offers() -> str:
        return "unguarded"

    with pytest.warns(ConfigurationWarning, match=r"/offers is served by .*offers without its gua"):
        assert ask_of(app)("/offers").json == "unguarded"


def test_it_is_found_in_mounts_and_routers(shop: Shop) -> None:
    """Wherever a route may be."""
    from fastapi import APIRouter

    async def bare(request: Request) -> PlainTextResponse:
        raise AssertionError

    shop.system.circuit("bare")(bare)
    app, router = FastAPI(), APIRouter()
    router.add_api_route("/routed", bare)
    app.include_router(router, prefix="/v1")
    app.mount("/mounted", Starlette(routes=[Route("/bare", bare)]))
    Resilience(app, system=shop.system)

    with pytest.warns(ConfigurationWarning) as warned:
        ask_of(app)("/health")

    ours = [each.message for each in warned if each.category is ConfigurationWarning]
    told = {str(each).split()[0] for each in ours}
    assert told == {"/v1/routed", "/mounted/bare"}


def test_guarded_views_are_not_warned_of(shop: Shop) -> None:
    """Below the route's decorator a guard is where it belongs."""
    app = FastAPI()
    Resilience(app, system=shop.system)

    @app.get("/offers")
    @shop.system.fallback("none")
    @shop.system.circuit("offers")
    async def offers() -> str:
        raise ConnectionError

    assert ask_of(app)("/offers").headers["x-degraded"] == "offers=fallback"


# -- routes ---------------------------------------------------------------------------------------


def test_the_app_keeps_its_own_routes(shop: Shop) -> None:
    """Of the same path, whether they come before set-up or after it; the others are ours."""
    app = Starlette(routes=[Route("/health", own)])
    Resilience(app, system=shop.system)
    app.router.routes.append(Route("/health/live", own))
    ask = ask_of(app)

    bodies = [ask(path).body for path in ENDPOINTS]

    assert bodies[:2] == [b"own", b"own"]
    assert (bodies[2], bodies[3][:8]) == (b'{"status": "pass"}', b'{"level"')


def test_a_route_for_every_path_does_not_hide_ours(shop: Shop) -> None:
    """As single-page apps have."""
    app = Starlette(routes=[Route("/{path:path}", own)])
    Resilience(app, system=shop.system)
    ask = ask_of(app)

    assert [ask(path).body == b"own" for path in ["/health", "/index.html"]] == [False, True]


def test_endpoints_can_be_left_out(shop: Shop) -> None:
    """`endpoints=False`."""
    assert plain(shop, endpoints=False).ask("/health").status == 404
    assert routes(system=shop.system, settings={"web": {"endpoints": False}}) == []


def test_endpoints_have_names_and_are_no_operations(shop: Shop) -> None:
    """`url_path_for` finds them; OpenAPI tells of the app's own only."""
    app = FastAPI()
    Resilience(app, system=shop.system)

    assert app.url_path_for("resilience:ready") == "/health/ready"
    assert app.openapi()["paths"] == {}


def test_routes_may_be_mounted(shop: Shop) -> None:
    """Below any path, with the mount's own checks."""
    endpoints = routes(system=shop.system, authorize=authorize)
    ask = ask_of(Starlette(routes=[Mount("/ops", routes=endpoints)]))

    assert ask("/ops/health/live").json == {"status": "pass"}
    assert "checks" in ask("/ops/health", headers=OPERATOR).json
    assert ask("/health").status == 404


# -- metrics --------------------------------------------------------------------------------------


def test_metrics_are_told_while_views_have_all_threads(shop: Shop) -> None:
    """Views that wait for what is down are what a scraper is to find."""
    app = shop_app(shop)
    Resilience(app, system=shop.system, settings={"web": {"metrics": True}})

    async def ask() -> int:
        threads = current_default_thread_limiter()
        threads.total_tokens = 1
        transport = httpx.ASGITransport(app=app)
        async with threads, httpx.AsyncClient(transport=transport, base_url="http://shop") as site:
            asked = site.get("/metrics")
            return (await asyncio.wait_for(asked, 20)).status_code

    assert asyncio.run(ask()) == 200
