"""The shop of the contract as Flask apps."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Flask, Response, abort
from flask.sessions import SecureCookieSessionInterface

from resilience_flask import Resilience
from tests.integrations.contract import ROUTES, SECRET, Ask, Reply, Shop, Site, Sites


class LostSessions(SecureCookieSessionInterface):
    """Sessions in a store that is down."""

    def open_session(self, app: Flask, request: Any) -> None:
        """Fail as a store does that cannot be reached."""
        raise ConnectionError(SECRET)


def authorize(asked: Any) -> str | None:
    """Tell who asks, by bearer token."""
    return Shop.authorize(asked.headers.get("Authorization", ""))


def shop_app(shop: Shop, **config: Any) -> Flask:
    """Make an app with the shop's routes, not yet set up."""
    app = Flask("shop")
    app.config.from_mapping(config)
    _add_routes(app, shop)
    return app


def _add_routes(to: Flask | Blueprint, shop: Shop) -> None:
    for name in ROUTES:
        to.add_url_rule(f"/{name}", name, getattr(shop, name))
    to.add_url_rule("/parts", "parts", lambda: Response(shop.parts()))
    to.add_url_rule("/missing/<int:status>", "missing", lambda status: shop.missing(status, abort))


def ask_of(app: Flask) -> Ask:
    """Return what sends requests to the app."""

    def ask(
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Reply:
        response = app.test_client().open(path, method=method, headers=headers, data=body)
        named = {name.lower(): value for name, value in response.headers}
        return Reply(response.status_code, named, response.data)

    return ask


def plain(shop: Shop | None = None, **web: Any) -> Site:
    """Return the shop as an app with its routes in Flask's own routing."""
    shop = shop or Shop()
    app = shop_app(shop, RESILIENCE_WEB=web)
    Resilience(app, system=shop.system, authorize=authorize)
    return Site(ask_of(app), shop)


def in_blueprint() -> Site:
    """Return the shop as a blueprint that catches every exception of its own."""
    shop = Shop()
    app, blueprint = Flask("shop"), Blueprint("shop", __name__)
    _add_routes(blueprint, shop)
    blueprint.register_error_handler(Exception, lambda error: (str(error), code_of(error)))
    app.register_blueprint(blueprint)
    Resilience(app, system=shop.system, authorize=authorize)
    return Site(ask_of(app), shop)


def code_of(error: Exception) -> int:
    """Return an HTTP exception's status, 500 for any other."""
    return int(getattr(error, "code", None) or 500)


SITES: Sites = {
    "flask": plain,
    "flask, probes first": lambda: plain(probe_first=True),
    "flask, in a blueprint": in_blueprint,
}
