"""`X-Degraded` around everything that a Flask request can do."""

from collections.abc import Iterator

import pytest
from flask import Flask, Response, request, stream_with_context
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from resilience import (
    System,
)
from resilience.core import degraded
from resilience.testing import force_open
from resilience_flask import Resilience
from tests.integrations.contract import Shop
from tests.integrations.flask_site import ask_of, shop_app


def test_answers_of_error_handlers_are_marked_too(app: Flask, shop: Shop) -> None:
    """What was stood in for before the failure is named on the 503."""

    @app.get("/basket")
    def basket() -> str:
        return shop.reviews() + shop.pay()

    Resilience(app, system=shop.system)
    force_open("payments", system=shop.system)
    shop.healthy = False

    reply = ask_of(app)("/basket")

    assert (reply.status, reply.headers["x-degraded"]) == (503, "reviews=fallback")


def test_hooks_that_were_there_first_are_marked_too(app: Flask, shop: Shop) -> None:
    """A login check registered before set-up may call what is guarded."""
    app.before_request(lambda: shop.reviews() and None)
    Resilience(app, system=shop.system)
    shop.healthy = False

    assert ask_of(app)("/missing/404").headers["x-degraded"] == "reviews=fallback"


def test_the_header_can_be_switched_off(shop: Shop) -> None:
    """`degraded_header=False`: the answer is the same, without the header."""
    app = shop_app(shop, RESILIENCE_WEB={"degraded_header": False})
    Resilience(app, system=shop.system)
    shop.healthy = False

    reply = ask_of(app)("/reviews")

    assert (reply.status, reply.body) == (200, b"none")
    assert "x-degraded" not in reply.headers


def test_a_streamed_body_ends_in_order(app: Flask, shop: Shop) -> None:
    """What the body does comes after the headers, and is nobody else's mark."""

    @app.get("/stream")
    def stream() -> Response:
        def body() -> Iterator[str]:
            yield shop.reviews()
            yield request.path

        return Response(stream_with_context(body()))

    Resilience(app, system=shop.system)
    shop.healthy = False

    reply = ask_of(app)("/stream")

    assert (reply.body, "x-degraded" in reply.headers) == (b"none/stream", False)
    assert degraded.marks() == {}


def test_marks_do_not_outlive_their_request(app: Flask, shop: Shop) -> None:
    """Also with a client that keeps contexts, and after an exception that nobody answers."""
    Resilience(app, system=shop.system)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    shop.healthy = False

    with app.test_client() as client:
        assert client.get("/reviews").headers["X-Degraded"] == "reviews=fallback"
        with pytest.raises(ZeroDivisionError):
            client.get("/broken")
        assert "X-Degraded" not in client.get("/missing/404").headers

    assert degraded.marks() == {}


def test_two_apps_in_one_request_mark_each_their_own(shop: Shop) -> None:
    """An app mounted below another names what it stood in for itself."""
    inner, outer = shop_app(shop), Flask("outer")
    outer.wsgi_app = DispatcherMiddleware(outer.wsgi_app, {"/inner": inner})  # type: ignore[method-assign]
    Resilience(inner, system=shop.system)
    Resilience(outer, system=System())
    shop.healthy = False

    reply = outer.test_client().get("/inner/reviews")

    assert reply.headers.getlist("X-Degraded") == ["reviews=fallback"]
