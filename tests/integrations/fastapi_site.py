"""The shop of the contract as FastAPI apps."""

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import PlainTextResponse, StreamingResponse

from resilience_starlette import Resilience
from tests.integrations.contract import ROUTES, AsyncShop, Shop, Site, Sites
from tests.integrations.starlette_site import abort, ask_of, authorize

METHODS = ["GET", "HEAD"]


def add_routes(to: FastAPI | APIRouter, shop: Shop) -> None:
    """Add the shop's routes; its calls themselves are the endpoints."""
    for name in ROUTES:
        to.add_api_route(
            f"/{name}", getattr(shop, name), methods=METHODS, response_class=PlainTextResponse
        )

    @to.get("/parts")
    async def parts() -> StreamingResponse:
        return StreamingResponse(shop.parts())

    if isinstance(shop, AsyncShop):

        @to.get("/missing/{status}", response_class=PlainTextResponse)
        async def missing(status: int) -> str:
            return await shop.missing(status, abort)

    else:

        @to.get("/missing/{status}", response_class=PlainTextResponse)
        def missing_in_thread(status: int) -> str:
            return shop.missing(status, abort)


def plain(shop: Shop, **web: Any) -> Site:
    """Return the shop as an app that is set up in one line."""
    app = FastAPI()
    add_routes(app, shop)
    Resilience(app, system=shop.system, authorize=authorize, settings={"web": web})
    return Site(ask_of(app), shop)


def in_router() -> Site:
    """Return the shop as a router, included after set-up."""
    shop, app, router = AsyncShop(), FastAPI(), APIRouter()
    Resilience(app, system=shop.system, authorize=authorize)
    add_routes(router, shop)
    app.include_router(router)
    return Site(ask_of(app), shop)


SITES: Sites = {
    "fastapi, async": lambda: plain(AsyncShop()),
    "fastapi, sync": lambda: plain(Shop()),
    "fastapi, in a router": in_router,
}
