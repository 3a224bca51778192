"""Makes the app: configuration, the client of the upstream, the extension, the pages."""

import atexit
import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

import httpx2
from fastapi import FastAPI, Request
from fastapi.staticfiles import StaticFiles

from resilience.testing import inactive
from resilience_starlette import Resilience
from starlette_shop import pages, problems
from starlette_shop.upstream import Upstream
from storefront import STATIC

log = logging.getLogger("starlette_shop")

_FROM_ENVIRONMENT = ("UPSTREAM_URL", "UPSTREAM_TIMEOUT", "SHOP_HEALTH_TOKEN", "SHOP_BASELINE")


class ShopConfigurationError(RuntimeError):
    """The shop cannot start like this; says what to set."""


def create_app(config: Mapping[str, Any] | None = None) -> FastAPI:
    """Return the shop.

    Args:
        config: over the environment: `UPSTREAM_URL` (required), `UPSTREAM_TIMEOUT` (seconds,
            0.01 to 60, default 0.3), `SHOP_HEALTH_TOKEN` (whoever sends it as a bearer token sees
            the details of `/health`), `SHOP_BASELINE` ("1": all guards off, for comparison).

    Raises:
        ShopConfigurationError: one of them is missing or wrong.
    """
    given = {name: os.environ[name] for name in _FROM_ENVIRONMENT if name in os.environ}
    settings = {"UPSTREAM_TIMEOUT": 0.3, **given, **(config or {})}
    app = FastAPI(title="Steep & Co.", lifespan=_lifespan)
    app.state.upstream = Upstream(_client(settings))
    Resilience(app, authorize=_holder_of(str(settings.get("SHOP_HEALTH_TOKEN", ""))))
    problems.register(app)
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=STATIC))
    if str(settings.get("SHOP_BASELINE", "0")) == "1":
        _switch_guards_off(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await app.state.upstream.close()


def _client(settings: Mapping[str, Any]) -> httpx2.AsyncClient:
    url = str(settings.get("UPSTREAM_URL", ""))
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ShopConfigurationError(
            f"UPSTREAM_URL is {url!r}: set it to the address of the service with prices, "
            "recommendations and payments, such as http://127.0.0.1:8001"
        )
    return httpx2.AsyncClient(base_url=url, timeout=_timeout(settings["UPSTREAM_TIMEOUT"]))


def _timeout(given: Any) -> float:
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0.01 <= seconds <= 60:
        raise ShopConfigurationError(f"UPSTREAM_TIMEOUT is {given!r}: give seconds, 0.01 to 60")
    return seconds


def _holder_of(token: str) -> Any:
    """Return what tells who may see the details of `/health`."""

    async def authorize(request: Request) -> str | None:
        sent = request.headers.get("authorization", "").removeprefix("Bearer ")
        known = bool(token) and compare_digest(sent.encode(), token.encode())
        return "token" if known else None

    return authorize


def _switch_guards_off(app: FastAPI) -> None:
    log.warning("SHOP_BASELINE=1: circuits and fallbacks are off in this process")
    app.state.baseline = off = ExitStack()
    off.enter_context(inactive())
    atexit.register(off.close)
