"""Makes the app: configuration, the client of the upstream, the extension, the pages."""

import atexit
import logging
import os
from collections.abc import Mapping
from contextlib import ExitStack
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

import httpx2
from flask import Flask, Request, current_app

from flask_shop import freshness, pages, problems
from flask_shop.upstream import CLIENT
from resilience import system
from resilience.testing import inactive
from resilience_flask import Resilience
from storefront import STATIC, TEMPLATES

log = logging.getLogger("flask_shop")

BASELINE = "shop_baseline"
"""Where the app keeps what switches the guards on again, if `SHOP_BASELINE` switched them off."""

DIMMER = "shop_dimmer"
"""Where the app keeps its dimmer, if `SHOP_TARGET` asked for one."""

_FROM_ENVIRONMENT = (
    "UPSTREAM_URL", "UPSTREAM_TIMEOUT", "SHOP_HEALTH_TOKEN", "SHOP_BASELINE", "SHOP_TARGET",
)  # fmt: skip


class ShopConfigurationError(RuntimeError):
    """The shop cannot start like this; says what to set."""


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Return the shop.

    Args:
        config: over the environment: `UPSTREAM_URL` (required), `UPSTREAM_TIMEOUT` (seconds,
            0.01 to 60, default 0.3), `SHOP_HEALTH_TOKEN` (whoever sends it as a bearer token sees
            the details of `/health`), `SHOP_BASELINE` ("1": all guards off, for comparison),
            `SHOP_TARGET` (seconds, 0.01 to 60, within which 95 % of requests are to be served:
            recommendations are left out as far as that takes; default: nobody cares).

    Raises:
        ShopConfigurationError: one of them is missing or wrong.
    """
    app = Flask("flask_shop", template_folder=TEMPLATES, static_folder=STATIC)
    given = {name: os.environ[name] for name in _FROM_ENVIRONMENT if name in os.environ}
    app.config.from_mapping({"UPSTREAM_TIMEOUT": 0.3, **given, **(config or {})})
    app.extensions[CLIENT] = _client(app.config)
    Resilience(app, authorize=_holds_the_token)
    freshness.watch(app)
    problems.register(app)
    app.register_blueprint(pages.blueprint)
    if app.config.get("SHOP_TARGET"):
        target = _seconds("SHOP_TARGET", app.config["SHOP_TARGET"])
        app.extensions[DIMMER] = system.dim("recommendations", target)
    if str(app.config.get("SHOP_BASELINE", "0")) == "1":
        _switch_guards_off(app)
    return app


def _client(config: Mapping[str, Any]) -> httpx2.Client:
    url = str(config.get("UPSTREAM_URL", ""))
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ShopConfigurationError(
            f"UPSTREAM_URL is {url!r}: set it to the address of the service with prices, "
            "recommendations and payments, such as http://127.0.0.1:8001"
        )
    # One client for the whole process: its connections are kept and shared by all threads.
    timeout = _seconds("UPSTREAM_TIMEOUT", config["UPSTREAM_TIMEOUT"])
    return httpx2.Client(base_url=url, timeout=timeout)


def _seconds(name: str, given: Any) -> float:
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0.01 <= seconds <= 60:
        raise ShopConfigurationError(f"{name} is {given!r}: give seconds, 0.01 to 60")
    return seconds


def _holds_the_token(request: Request) -> str | None:
    """Return who may see the details of `/health`."""
    token = str(current_app.config.get("SHOP_HEALTH_TOKEN", ""))
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    known = bool(token) and compare_digest(sent.encode(), token.encode())
    return "token" if known else None


def _switch_guards_off(app: Flask) -> None:
    log.warning("SHOP_BASELINE=1: circuits and fallbacks are off in this process")
    off = ExitStack()
    off.enter_context(inactive())
    atexit.register(off.close)
    app.extensions[BASELINE] = off
