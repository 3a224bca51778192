"""The shop of the contract as Starlette apps."""

from collections.abc import Callable, Mapping
from functools import partial, wraps
from inspect import iscoroutinefunction
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.testclient import TestClient

from resilience_starlette import Resilience, ResilienceMiddleware, routes
from tests.integrations.contract import ROUTES, Ask, AsyncShop, Reply, Shop, Site, Sites


def authorize(asked: Request) -> str | None:
    """Tell who asks, by bearer token."""
    return Shop.authorize(asked.headers.get("authorization", ""))


async def authorize_later(asked: Request) -> str | None:
    """Tell who asks, by bearer token, as one does who has to ask a database."""
    return authorize(asked)


def abort(status: int) -> None:
    """Answer with a status, in Starlette's way."""
    raise HTTPException(status)


def shop_routes(shop: Shop) -> list[BaseRoute]:
    """Return the shop's routes; async views where its calls are async."""
    missing = shop.missing

    async def missed(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await missing(request.path_params["status"], abort))  # type: ignore[misc]

    def missed_in_thread(request: Request) -> PlainTextResponse:
        return PlainTextResponse(missing(request.path_params["status"], abort))

    lookup = missed if iscoroutinefunction(missing) else missed_in_thread
    return [
        *[Route(f"/{name}", view_of(getattr(shop, name))) for name in ROUTES],
        Route("/parts", lambda request: StreamingResponse(shop.parts())),
        Route("/missing/{status:int}", lookup),
    ]


def view_of(call: Callable[[], Any]) -> Callable[[Request], Any]:
    """Return a view that answers with what a call returns."""

    @wraps(call)
    async def awaited(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await call())

    @wraps(call)
    def called(request: Request) -> PlainTextResponse:
        return PlainTextResponse(call())

    return awaited if iscoroutinefunction(call) else called


def shop_app(shop: Shop, *further: BaseRoute) -> Starlette:
    """Make an app with the shop's routes, not yet set up."""
    return Starlette(routes=[*shop_routes(shop), *further])


def ask_of(app: Any) -> Ask:
    """Return what sends requests to an ASGI app; no lifespan is run."""
    client = TestClient(app, raise_server_exceptions=False)

    def ask(
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Reply:
        response = client.request(
            method, path, headers=headers, content=body, follow_redirects=False
        )
        return Reply(response.status_code, response.headers, response.content)

    return ask


def refuse(app: Starlette, *, started: bool) -> None:
    """Start an app, or ask it, and let it say why it does not serve."""
    client = TestClient(app)
    if started:
        with client:
            raise AssertionError("it started")
    client.get("/pay")


def plain(shop: Shop, **web: Any) -> Site:
    """Return the shop as an app that is set up in one line."""
    app = shop_app(shop)
    Resilience(app, system=shop.system, authorize=authorize, settings={"web": web})
    return Site(ask_of(app), shop)


def piecewise() -> Site:
    """Return the shop as an app that is put together from the pieces."""
    shop = AsyncShop()
    endpoints = routes(system=shop.system, authorize=authorize_later)
    app = Starlette(
        routes=[*endpoints, *shop_routes(shop)],
        middleware=[Middleware(ResilienceMiddleware, system=shop.system)],
    )
    return Site(ask_of(app), shop)


def behind_a_catch_all() -> Site:
    """Return the shop as an app that answers every exception and every path itself."""
    shop = AsyncShop()
    caught = partial(PlainTextResponse, "caught", 500)
    app = Starlette(
        routes=shop_routes(shop), exception_handlers={Exception: lambda request, error: caught()}
    )
    app.router.routes.append(Mount("/", Router([])))
    Resilience(app, system=shop.system, authorize=authorize_later)
    return Site(ask_of(app), shop)


SITES: Sites = {
    "starlette, async": lambda: plain(AsyncShop()),
    "starlette, sync": lambda: plain(Shop()),
    "starlette, probes first": lambda: plain(AsyncShop(), probe_first=True),
    "starlette, piecewise": piecewise,
    "starlette, catches all": behind_a_catch_all,
}
