"""How a Flask app is set up."""

from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.cli import routes_command

from resilience import ConfigurationError, ConfigurationWarning
from resilience.core.request import present
from resilience.web.passage import Outcome, Passage
from resilience_flask import Resilience
from tests.integrations.contract import ENDPOINTS, Ask, Shop
from tests.integrations.flask_site import ask_of, shop_app


def test_a_factory_serves_several_apps(shop: Shop) -> None:
    """One extension, two apps: each has its own web settings, and nothing is on the extension."""
    extension = Resilience(system=shop.system)
    before = dict(vars(extension))
    first, second = shop_app(shop), shop_app(shop, RESILIENCE_WEB={"endpoints": False})

    extension.init_app(first)
    extension.init_app(second)

    assert before == vars(extension)
    assert ask_of(first)("/health").status == 200
    assert ask_of(second)("/health").status == 404
    assert first.extensions["resilience"] is not second.extensions["resilience"]


def test_a_second_init_app_is_refused(app: Flask, shop: Shop) -> None:
    """In words that say what to do instead."""
    Resilience(app, system=shop.system)

    with pytest.raises(ConfigurationError, match=r"app 'shop' is set up already.*once"):
        Resilience(app, system=shop.system)


def test_init_app_after_the_first_request_is_refused(app: Flask, shop: Shop, ask: Ask) -> None:
    """And leaves the app and the system as they were."""
    app.config["RESILIENCE_CIRCUITS"] = {"payments": {"reset_timeout": 1}}
    ask("/pay")

    with pytest.raises(ConfigurationError, match="has served a request: call init_app"):
        Resilience(app, system=shop.system)

    assert "resilience" not in app.extensions
    assert shop.circuit("payments").settings.reset_timeout == 20


@pytest.mark.parametrize("wrong", ["shop", Blueprint("shop", __name__)])
def test_only_an_app_can_be_set_up(wrong: Any) -> None:
    """A name or blueprint is refused at once."""
    with pytest.raises(ConfigurationError, match="give a Flask app"):
        Resilience(wrong)


def test_authorize_has_to_be_a_function(app: Flask) -> None:
    """A token in its place is refused at once."""
    with pytest.raises(ConfigurationError, match="authorize='token': give a function"):
        Resilience(app, authorize="token")  # type: ignore[arg-type]


def test_by_default_it_is_the_process_wide_system(app: Flask) -> None:
    """The system of the bare decorators."""
    from resilience import system

    Resilience(app)

    assert app.extensions["resilience"].system is system


def test_the_command_line_lists_the_routes(app: Flask, shop: Shop) -> None:
    """`flask routes` works, and serves nothing."""
    Resilience(app, system=shop.system)

    listed = app.test_cli_runner().invoke(routes_command)

    assert listed.exit_code == 0
    rows = [line.split() for line in listed.output.splitlines()]
    for name, path in zip(["health", "live", "ready", "degradation"], ENDPOINTS, strict=True):
        assert [f"resilience.{name}", "GET", path] in rows
    assert not app.extensions["resilience"].met


def test_a_guard_above_the_route_is_warned_of(app: Flask, shop: Shop) -> None:
    """At the first request, by the view's name and path: requests would bypass the guard."""
    blueprint = Blueprint("offers", __name__)

    @shop.system.circuit("offers")
    @blueprint.get("/offers")
    def offers() -> str:
        return "unguarded"

    Resilience(app, system=shop.system)
    app.register_blueprint(blueprint)

    with pytest.warns(ConfigurationWarning, match=r"/offers is served by .*offers without its gua"):
        assert ask_of(app)("/offers").body == b"unguarded"

    assert ask_of(app)("/offers").status == 200  # warnings are errors here: there is no second one


def test_a_requests_passage_knows_its_route(app: Flask, shop: Shop) -> None:
    """Its template, so that all orders are one; made-up paths have none."""
    Resilience(app, system=shop.system)
    app.add_url_rule("/orders/<int:order>", "order", lambda order: request_passage().route)
    app.register_error_handler(404, lambda error: f"[{request_passage().route}]")

    replies = [ask_of(app)(path).body for path in ("/orders/1", "/orders/2", "/made/up")]

    assert replies == [b"/orders/<int:order>", b"/orders/<int:order>", b"[]"]


def test_a_requests_passage_ends_with_its_body(app: Flask, shop: Shop) -> None:
    """Not before, and however the request ends."""
    Resilience(app, system=shop.system)
    passages: list[Passage] = []
    app.before_request(lambda: passages.append(request_passage()))
    shop.healthy = False

    with app.test_client().get("/parts") as streamed:
        assert passages[0].outcome is None
        assert streamed.data == b"none None"
    ask_of(app)("/broken")

    assert passages[0].outcome == Outcome(200, False, 1.0)
    assert passages[1].outcome == Outcome(500, False, 0.0)


def request_passage() -> Passage:
    """Return the passage of the present request."""
    passage = present.get()
    assert isinstance(passage, Passage)
    return passage
