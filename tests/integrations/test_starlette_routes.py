"""Statistics by the template of the route, in Starlette and FastAPI."""

from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Mount, Route
from starlette.staticfiles import StaticFiles

from resilience.telemetry.traffic import UNMATCHED
from resilience_starlette import Resilience
from tests.integrations.contract import Shop
from tests.integrations.starlette_site import ask_of


def test_statistics_are_by_the_template_of_the_route(shop: Shop) -> None:
    """Below mounts with their prefix; made-up paths are one, also below a mount."""

    async def view(request: Request) -> Response:
        return PlainTextResponse("here")

    api, router = FastAPI(), APIRouter(prefix="/orders")
    router.add_api_route("/{order}", lambda order: order)
    router.add_api_route("/{order}/again", lambda order: order)
    router.add_route("/plain/{order:int}", view)
    api.include_router(router, prefix="/v2")
    app = Starlette(
        routes=[
            Route("/items/{item:int}", view, methods=["GET"]),
            Mount("/tenants/{tenant}", routes=[Route("/users/{user}", view), Route("/", view)]),
            Mount("/static", StaticFiles(directory=".")),
            Mount("/rooms/{room:int}", routes=[Route("/door", view)]),
            Mount("/api", api),
            Host("admin.example", Starlette(routes=[Route("/admin", view)])),
        ]
    )
    Resilience(app, system=shop.system)
    ask = ask_of(app)
    for path in (
        *("/items/1", "/items/2", "/made/up", "/made/up/2"),
        *("/tenants/acme/users/ann", "/tenants/b/users/b", "/tenants/acme/", "/tenants/c/none"),
        *("/static/README.md", "/static/none", "/api/v2/orders/7", "/api/v2/orders/7/again"),
        *("/rooms/7/door", "/api/v2/plain/7"),
        *("/api/v2/none", "/health"),
    ):
        ask(path)
    ask("/items/3", "POST")
    ask("/admin", headers={"host": "admin.example"})

    counted = {each.route: each.requests for each in shop.system.traffic.snapshot()}

    assert counted == {
        "": 17,
        "/items/{item:int}": 3,
        "(unmatched)": 2,
        "/tenants/{tenant}/users/{user}": 2,
        "/tenants/{tenant}/": 1,
        "/tenants/{tenant}": 1,
        "/static": 2,
        "/api/v2/orders/{order}": 1,
        "/api/v2/orders/{order}/again": 1,
        "/api/v2/plain/{order:int}": 1,
        "/rooms/{room}/door": 1,
        "/api": 1,
        "/admin": 1,
    }
    nowhere = {"", "(unmatched)", "/tenants/{tenant}", "/api"}
    known = {each.route for each in shop.system.views}
    assert counted.keys() - nowhere <= known  # by the same names, for experiments to aim at
    assert "/health" not in known


def test_a_mount_whose_prefix_cannot_be_told_is_left_out(shop: Shop) -> None:
    """A value that its converter changed is not found in the path: the rest names the route."""

    async def view(request: Request) -> Response:
        return PlainTextResponse("here")

    app = Starlette(routes=[Mount("/rooms/{room:int}", routes=[Route("/door", view)])])
    Resilience(app, system=shop.system)
    for path in ("/rooms/7/door", "/rooms/007/door", "/rooms/0007/door"):
        ask_of(app)(path)

    routes = {each.route for each in shop.system.traffic.snapshot()}
    assert routes == {"", "/rooms/{room}/door", "/door"}


def test_any_app_may_stand_behind_a_host(shop: Shop) -> None:
    """Its requests have no template: a host is no path, and an app need have no routes."""
    app = Starlette(routes=[Host("raw.example", PlainTextResponse("raw"))])
    Resilience(app, system=shop.system)

    answer = ask_of(app)("GET", "/any", {"host": "raw.example"})

    assert (answer.status, answer.body) == (200, b"raw")
    assert [each.route for each in shop.system.traffic.snapshot()] == ["", UNMATCHED]
