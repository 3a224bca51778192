"""Whose error handler answers, and in which kinds of views."""

import pytest
from flask import Blueprint, Flask
from flask.views import MethodView

from resilience import (
    CircuitOpenError,
    Rejected,
    ResilienceError,
)
from resilience.testing import force_open
from resilience_flask import Resilience
from tests.integrations.contract import Ask, Shop
from tests.integrations.flask_site import ask_of


def test_a_catch_all_does_not_shadow_ours(app: Flask, shop: Shop, ask: Ask) -> None:
    """A handler for Exception, before or after set-up, gets all but ours."""
    Resilience(app, system=shop.system)
    app.register_error_handler(Exception, lambda error: ("caught", 500))
    force_open("payments", system=shop.system)

    assert ask("/pay").status == 503
    assert ask("/late").status == 504
    assert ask("/broken").body == b"caught"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", [CircuitOpenError, Rejected, ResilienceError])
def test_a_users_handler_for_ours_wins(
    app: Flask, shop: Shop, ask: Ask, kind: type[Exception], when: str
) -> None:
    """Whichever class of ours it is for, and whether it comes before or after set-up."""

    def register() -> None:
        app.register_error_handler(kind, lambda error: (f"own page: {error.name}", 502))

    if when == "before":
        register()
    Resilience(app, system=shop.system)
    if when == "after":
        register()
    force_open("payments", system=shop.system)

    assert (ask("/pay").status, ask("/pay").body) == (502, b"own page: payments")


@pytest.mark.parametrize("kind", [CircuitOpenError, Rejected, ResilienceError])
def test_a_blueprints_handler_for_ours_wins(shop: Shop, kind: type[Exception]) -> None:
    """Also beside the blueprint's own catch-all."""
    app, blueprint = Flask("shop"), Blueprint("shop", __name__)
    blueprint.add_url_rule("/pay", "pay", shop.pay)
    blueprint.register_error_handler(Exception, lambda error: ("caught", 500))
    blueprint.register_error_handler(kind, lambda error: (f"own page: {error.name}", 502))
    app.register_blueprint(blueprint)
    Resilience(app, system=shop.system)
    force_open("payments", system=shop.system)

    assert ask_of(app)("/pay").body == b"own page: payments"


def test_a_users_handler_in_the_app_is_not_outranked_in_blueprints(shop: Shop) -> None:
    """Who answers Rejected themselves keeps Flask's own order of handlers."""
    app, blueprint = Flask("shop"), Blueprint("shop", __name__)
    blueprint.add_url_rule("/pay", "pay", shop.pay)
    blueprint.register_error_handler(Exception, lambda error: ("blueprint", 500))
    app.register_blueprint(blueprint)
    Resilience(app, system=shop.system)
    app.register_error_handler(Rejected, lambda error: ("app", 502))
    force_open("payments", system=shop.system)

    assert ask_of(app)("/pay").body == b"blueprint"


def test_an_async_handler_for_the_family_is_awaited(app: Flask, shop: Shop, ask: Ask) -> None:
    """A user's `async def` handler for ResilienceError works as in Flask."""

    @app.errorhandler(ResilienceError)
    async def own(error: Exception) -> tuple[str, int]:
        return "awaited", 502

    Resilience(app, system=shop.system)
    force_open("payments", system=shop.system)

    assert ask("/pay").body == b"awaited"


def test_a_rejection_in_a_before_request_hook_is_answered(app: Flask, shop: Shop, ask: Ask) -> None:
    """A guarded call in a hook is answered as one in a view."""
    Resilience(app, system=shop.system)
    app.before_request(lambda: shop.pay() and None)
    force_open("payments", system=shop.system)

    assert ask("/reviews").status == 503


def test_the_instance_is_the_whole_path(shop: Shop) -> None:
    """With the prefix the app is mounted under, in characters that a URI may hold."""
    app = Flask("shop")
    app.add_url_rule("/pay/<name>", "pay", lambda name: shop.pay())
    Resilience(app, system=shop.system)
    force_open("payments", system=shop.system)

    reply = app.test_client().get("/pay/Åsa b?token=1", base_url="http://localhost/shop")

    assert reply.get_json(force=True)["instance"] == "/shop/pay/%C3%85sa%20b"


def test_async_and_class_based_views_are_answered(shop: Shop) -> None:
    """What is raised in them comes to the same handlers, what is marked to the same header."""
    pytest.importorskip("asgiref")
    app = Flask("shop")

    @app.get("/async")
    @shop.system.circuit("async view")
    async def plain() -> str:
        return shop.reviews()

    class Page(MethodView):
        @shop.system.circuit("page")
        def get(self) -> str:
            return shop.reviews()

    app.add_url_rule("/page", view_func=Page.as_view("page"))
    Resilience(app, system=shop.system)
    ask, shop.healthy = ask_of(app), False

    for path, name in (("/async", "async view"), ("/page", "page")):
        assert ask(path).headers["x-degraded"] == "reviews=fallback"
        force_open(name, system=shop.system)
        assert (503, name) == (ask(path).status, ask(path).json["circuit"])
