"""The shop of the contract as a Flask app."""

from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, abort

from tests.integrations.contract import ROUTES, Ask, Reply, Shop


def authorize(asked: Any) -> str | None:
    """Tell who asks, by bearer token."""
    return Shop.authorize(asked.headers.get("Authorization", ""))


def shop_app(shop: Shop, **config: Any) -> Flask:
    """Make an app with the shop's routes, not yet set up."""
    app = Flask("shop")
    app.config.from_mapping(config)
    for name in ROUTES:
        app.add_url_rule(f"/{name}", name, getattr(shop, name))
    app.add_url_rule("/parts", "parts", lambda: Response(shop.parts()))
    app.add_url_rule("/missing/<int:status>", "missing", lambda status: shop.missing(status, abort))
    return app


def ask_of(app: Flask) -> Ask:
    """Return what sends requests to the app."""

    def ask(path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Reply:
        response = app.test_client().open(path, method=method, headers=headers)
        named = {name.lower(): value for name, value in response.headers}
        return Reply(response.status_code, named, response.data)

    return ask
