"""Responses as answers of a fallback: nobody gets what was another client's."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import flask
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi.testclient import TestClient
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

import resilience_flask
import resilience_starlette
from resilience import DecorationError, System
from tests.integrations.django_project import set_up

set_up()

from django.http import HttpResponse  # noqa: E402

PRICES = {"prices": [3] * 200}


@pytest.fixture
def up() -> list[bool]:
    """Give what tells whether the upstream is there; empty: it is not."""
    return [True]


def flask_shop(system: System, up: list[bool], whole: bool) -> flask.Flask:
    """Return a shop whose view sets two cookies: its own, and the session's."""
    app = flask.Flask("shop")
    app.secret_key = "secret"
    resilience_flask.Resilience(app, system=system)

    @app.get("/prices")
    @system.fallback("none", stale_for=60)
    def prices() -> Any:
        if not up:
            raise ConnectionError
        flask.session["user"] = flask.request.args["user"]
        response = flask.jsonify(PRICES)
        response.set_cookie("user", flask.request.args["user"])
        return response if whole else (response, 203)

    return app


@pytest.mark.parametrize("whole", [True, False], ids=["response", "tuple"])
def test_flask_gives_nobody_another_ones_session(
    system: System, up: list[bool], whole: bool
) -> None:
    """Flask puts the session's cookie on the response that the view returned."""
    app = flask_shop(system, up, whole)
    first = app.test_client().get("/prices?user=ada")
    up.clear()

    stale = [app.test_client().get("/prices?user=bob") for _ in range(2)]

    assert len(first.headers.getlist("Set-Cookie")) == 2
    for each in stale:
        assert (each.json, each.status_code) == (PRICES, first.status_code)
        assert each.headers["X-Degraded"].endswith("=stale")
        assert each.headers.getlist("Set-Cookie") == []


def fastapi_shop(system: System, up: list[bool], ran: list[str]) -> FastAPI:
    """Return a shop behind middleware that writes to the headers of responses."""
    app = FastAPI()
    app.add_middleware(GZipMiddleware, minimum_size=1)
    app.add_middleware(SessionMiddleware, secret_key="secret")
    resilience_starlette.Resilience(app, system=system)

    def log_in(request: Request) -> None:
        request.session["user"] = request.query_params["user"]

    @app.get("/prices", dependencies=[Depends(log_in)])
    @system.fallback("none", stale_for=60)
    async def prices() -> Response:
        if not up:
            raise ConnectionError
        tasks = BackgroundTasks()
        tasks.add_task(ran.append, "mail")
        return JSONResponse(PRICES, background=tasks)

    @app.get("/feed")
    @system.fallback(JSONResponse("none"), stale_for=60)
    async def feed() -> Response:
        async def parts() -> AsyncIterator[bytes]:
            yield b"news"

        if not up:
            raise ConnectionError
        return StreamingResponse(parts())

    return app


def test_fastapi_sends_a_kept_response_as_it_was(system: System, up: list[bool]) -> None:
    """What middleware did to it for one client (a cookie, compression) is not done to it again."""
    ran: list[str] = []
    app = fastapi_shop(system, up, ran)
    assert TestClient(app).get("/prices?user=ada").json() == PRICES
    up.clear()

    stale = [TestClient(app).get("/prices?user=bob") for _ in range(2)]

    for each in stale:
        assert each.json() == PRICES
        assert each.headers["x-degraded"].endswith("=stale")
        assert len(each.headers.get_list("set-cookie")) == 1
    assert len({each.headers["set-cookie"] for each in stale}) == 1  # bob's
    assert ran == ["mail"]


def test_a_stream_is_not_kept(system: System, up: list[bool]) -> None:
    """It can be read once; a response that was given for it is sent as often as it takes."""
    client = TestClient(fastapi_shop(system, up, []))
    assert client.get("/feed").text == "news"
    up.clear()

    assert [client.get("/feed").text for _ in range(2)] == ['"none"'] * 2


@pytest.mark.parametrize(
    "response", [flask.Response("busy", 203), JSONResponse("busy", 203), HttpResponse("busy")]
)
def test_a_response_is_a_value_and_copied(system: System, response: Any) -> None:
    """Although some can be called: as WSGI or ASGI apps."""

    @system.fallback(response)
    def prices() -> Any:
        raise ConnectionError

    given = prices()

    assert type(given) is type(response)
    assert given is not response
    assert given is not prices()


def test_a_response_that_is_read_once_is_refused(system: System) -> None:
    """At decoration, in words that say what to do."""

    def parts() -> Iterator[str]:
        yield "news"

    with pytest.raises(DecorationError, match="give a function that makes it"):

        @system.fallback(flask.Response(parts()))
        def feed() -> Any: ...
