"""Experiments on some requests only: by header, tenant and route, in Flask and Starlette."""

from __future__ import annotations

import random

import flask
import pytest
from flask.testing import FlaskClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import resilience_flask
import resilience_starlette
from resilience import (
    ChaosRefusedError,
    ConfigurationError,
    Corrupt,
    Experiment,
    Latency,
    Outage,
    System,
)

CASES = [
    ({"header": {"X-Test": "yes"}}, "/orders/1", {"X-Test": "yes"}, {"X-Test": "no"}),
    ({"tenant": "acme"}, "/orders/1", {"X-Tenant": "acme"}, {}),
]


@pytest.fixture
def live() -> System:
    """Give a system on the machine's clock, as apps have it."""
    return System({"chaos": {"enabled": True}}, random=random.Random(7))


@pytest.mark.parametrize(("match", "path", "hit", "spared"), CASES)
def test_only_requests_that_match_are_hit_in_flask(
    live: System,
    match: dict[str, object],
    path: str,
    hit: dict[str, str],
    spared: dict[str, str],
) -> None:
    """By header and by tenant; others, and calls outside of requests, are not."""
    client = flask_client(live)
    live.chaos.start(Experiment("x", Outage(), "stock", match=match))

    assert client.get(path, headers=hit).text == "stood in"
    assert client.get(path, headers=spared).text == "there"
    live.chaos.halt()
    assert client.get(path, headers=hit).text == "there"


def flask_client(system: System) -> FlaskClient:
    """Return a client of an app with two routes to one guarded call."""
    app = flask.Flask("shop")
    resilience_flask.Resilience(app, system=system)

    @system.fallback("stood in")
    @system.circuit("stock", failure_threshold=1000)
    def stock() -> str:
        return "there"

    app.add_url_rule("/orders/<int:order>", "order", lambda order: stock())
    app.add_url_rule("/home", "home", stock)
    return app.test_client()


def test_a_guarded_view_is_hit_inside_its_guard(live: System) -> None:
    """By its route: what is there for it when it breaks is tried; no other route is hit."""
    client = flask_client(live)

    run = live.chaos.start(Experiment("x", Outage(), "route:/home"))

    assert (client.get("/orders/1").text, client.get("/home").text) == ("there", "stood in")
    assert run.injection.hit == 1
    live.chaos.halt()
    assert client.get("/home").text == "there"


def test_the_calls_of_a_route_are_a_target(live: System) -> None:
    """All guarded ones that its requests make, and the advice is about them; no other route."""
    client = flask_client(live)
    live.circuits.get("elsewhere")

    run = live.chaos.start(Experiment("x", Outage(), "calls:/orders/<int:order>"))

    assert (client.get("/orders/1").text, client.get("/home").text) == ("stood in", "there")
    assert run.injection.hit == 1
    live.chaos.halt()
    assert client.get("/orders/1").text == "there"
    assert run.result is not None
    advice = run.result.recommendations
    assert any("`stock` never opened" in each for each in advice)
    assert not any("elsewhere" in each for each in (*advice, *run.result.observations))


def test_what_to_do_about_a_route_that_fails_or_waits(live: System) -> None:
    """The advice names what its view lacks."""
    client = flask_client(live)
    said: list[str] = []
    for fault in (Outage(), Latency(0.01)):
        run = live.chaos.start(Experiment("x", fault, "/orders/<int:order>"))
        client.get("/orders/1")
        live.chaos.halt()
        assert run.result is not None
        said += run.result.recommendations

    failed, waited = said
    assert "nothing stands in for the view of /orders/<int:order>" in failed
    assert "let its callers wait 0.01 s longer" in waited


def test_what_a_view_returns_cannot_be_corrupted(live: System) -> None:
    """It is the framework's; nothing stays exchanged."""
    client = flask_client(live)

    with pytest.raises(ChaosRefusedError, match="aim at what it calls"):
        live.chaos.start(Experiment("x", Corrupt("bad"), "/orders/<int:order>"))

    assert client.get("/orders/1").text == "there"


def test_a_view_of_two_routes_is_hit_on_one(live: System) -> None:
    """The framework keeps it once; two experiments at once cannot both have it."""
    live.configure({"chaos": {"enabled": True, "max_concurrent": 2}})
    app = flask.Flask("shop")
    resilience_flask.Resilience(app, system=live)
    app.add_url_rule("/new", "view", lambda: "there")
    app.add_url_rule("/old", "view")
    client = app.test_client()

    live.chaos.start(Experiment("x", Outage(), "/new"))

    assert [client.get(each).status_code for each in ("/new", "/old")] == [500, 200]
    with pytest.raises(ChaosRefusedError, match="exchanged already"):
        live.chaos.start(Experiment("y", Outage(), "/old"))
    live.chaos.halt()
    assert client.get("/new").text == "there"


def test_a_route_that_nobody_knows_is_refused(live: System) -> None:
    """With near ones; nothing is injected."""
    client = flask_client(live)
    assert client.get("/home").text == "there"

    with pytest.raises(ConfigurationError, match="did you mean '/home'"):
        live.chaos.plan(Experiment("x", Outage(), "route:/hom"), "ann")
    with pytest.raises(ConfigurationError, match="did you mean '/home'"):
        live.chaos.plan(Experiment("x", Outage(), "calls:/hom"), "ann")


def test_the_calls_of_a_route_are_a_target_in_starlette(live: System) -> None:
    """Of an asynchronous app, too, before it has served any."""

    @live.fallback("stood in")
    @live.circuit("stock", failure_threshold=1000)
    async def stock() -> str:
        return "there"

    async def order(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await stock())

    app = Starlette(routes=[Route("/orders/{order:int}", order), Route("/home", order)])
    resilience_starlette.Resilience(app, system=live)
    with TestClient(app) as client:
        live.chaos.start(Experiment("x", Outage(), "calls:/orders/{order:int}"))

        assert (client.get("/orders/1").text, client.get("/home").text) == ("stood in", "there")


def test_only_a_route_is_hit_in_flask(live: System) -> None:
    """By its template."""
    client = flask_client(live)
    live.chaos.start(Experiment("x", Outage(), "stock", match={"route": "/orders/<int:order>"}))

    assert client.get("/orders/7").text == "stood in"
    assert client.get("/home").text == "there"


@pytest.mark.parametrize(("match", "path", "hit", "spared"), CASES)
def test_only_requests_that_match_are_hit_in_starlette(
    live: System,
    match: dict[str, object],
    path: str,
    hit: dict[str, str],
    spared: dict[str, str],
) -> None:
    """The same, on a loop."""

    @live.fallback("stood in")
    @live.circuit("stock", failure_threshold=1000)
    async def stock() -> str:
        return "there"

    async def order(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await stock())

    app = Starlette(routes=[Route("/orders/{order:int}", order)])
    resilience_starlette.Resilience(app, system=live)
    live.chaos.start(Experiment("x", Outage(), "stock", match=match))

    with TestClient(app) as client:
        assert client.get(path, headers=hit).text == "stood in"
        assert client.get(path, headers=spared).text == "there"
