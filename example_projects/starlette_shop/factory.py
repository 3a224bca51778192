"""Makes the app: configuration, the client of the upstream, the extension, the pages."""

import atexit
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import httpx2
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from resilience import system
from resilience.testing import inactive
from resilience_starlette import Resilience
from starlette_shop import pages, problems
from starlette_shop.upstream import Upstream
from storefront import STATIC
from storefront.configuration import Configuration
from storefront.orders import OrderBook

log = logging.getLogger("starlette_shop")


def create_app(config: Mapping[str, Any] | None = None) -> FastAPI:
    """Return the shop.

    Args:
        config: over the environment: `UPSTREAM_URL` (required) and others; `Configuration` says
            what they do.

    Raises:
        ShopConfigurationError: one of them is missing or wrong.
    """
    told = Configuration.of(config)
    app = FastAPI(title="Steep & Co.", lifespan=_lifespan)
    # One client for the whole process: its connections are kept and shared by all requests.
    client = httpx2.AsyncClient(base_url=told.upstream_url, timeout=told.upstream_timeout)
    app.state.upstream = Upstream(client)
    app.state.orders = OrderBook(told.database)
    Resilience(app, authorize=lambda asked: told.holder(asked.headers.get("authorization", "")))
    problems.register(app)
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=STATIC))
    if told.target is not None:
        system.dim("recommendations", told.target)
    if told.baseline:
        _switch_guards_off(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await app.state.upstream.close()
    app.state.orders.close()


def _switch_guards_off(app: FastAPI) -> None:
    log.warning("SHOP_BASELINE=1: circuits and fallbacks are off in this process")
    app.state.baseline = off = ExitStack()
    off.enter_context(inactive())
    atexit.register(off.close)
