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
from resilience.testing import inactive
from resilience_flask import Resilience
from storefront import STATIC, TEMPLATES

log = logging.getLogger("flask_shop")

BASELINE = "shop_baseline"
"""Where the app keeps what switches the guards on again, if `SHOP_BASELINE` switched them off."""

_FROM_ENVIRONMENT = ("UPSTREAM_URL", "UPSTREAM_TIMEOUT", "SHOP_HEALTH_TOKEN", "SHOP_BASELINE")


class ShopConfigurationError(RuntimeError):
    """The shop cannot start like this; says what to set."""


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Return the shop.

    Args:
        config: over the environment: `UPSTREAM_URL` (required), `UPSTREAM_TIMEOUT` (seconds,
            0.01 to 60, default 0.3), `SHOP_HEALTH_TOKEN` (whoever sends it as a bearer token sees
            the details of `/health`), `SHOP_BASELINE` ("1": all guards off, for comparison).

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
    return httpx2.Client(base_url=url, timeout=_timeout(config["UPSTREAM_TIMEOUT"]))


def _timeout(given: Any) -> float:
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0.01 <= seconds <= 60:
        raise ShopConfigurationError(f"UPSTREAM_TIMEOUT is {given!r}: give seconds, 0.01 to 60")
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
