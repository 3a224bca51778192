"""Makes the app: configuration, the client of the upstream, the extension, the pages."""

import atexit
import logging
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import httpx2
from flask import Flask

from flask_shop import freshness, pages, problems
from flask_shop.pages import ORDERS
from flask_shop.upstream import CLIENT
from resilience import system
from resilience.testing import inactive
from resilience_flask import Resilience
from storefront import STATIC, TEMPLATES
from storefront.configuration import Configuration
from storefront.orders import OrderBook

log = logging.getLogger("flask_shop")

BASELINE = "shop_baseline"
"""Where the app keeps what switches the guards on again, if `SHOP_BASELINE` switched them off."""


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Return the shop.

    Args:
        config: over the environment: `UPSTREAM_URL` (required) and others; `Configuration` says
            what they do.

    Raises:
        ShopConfigurationError: one of them is missing or wrong.
    """
    told = Configuration.of(config)
    app = Flask("flask_shop", template_folder=TEMPLATES, static_folder=STATIC)
    # One client for the whole process: its connections are kept and shared by all threads.
    app.extensions[CLIENT] = httpx2.Client(
        base_url=told.upstream_url, timeout=told.upstream_timeout
    )
    app.extensions[ORDERS] = OrderBook(told.database)
    Resilience(app, authorize=lambda asked: told.holder(asked.headers.get("Authorization", "")))
    freshness.watch(app)
    problems.register(app)
    app.register_blueprint(pages.blueprint)
    if told.target is not None:
        system.dim("recommendations", told.target)
    if told.baseline:
        _switch_guards_off(app)
    return app


def _switch_guards_off(app: Flask) -> None:
    log.warning("SHOP_BASELINE=1: circuits and fallbacks are off in this process")
    off = ExitStack()
    off.enter_context(inactive())
    atexit.register(off.close)
    app.extensions[BASELINE] = off
