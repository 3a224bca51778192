"""What Flask, Django, Starlette and FastAPI make of decorated views, both sync and async."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import flask
import pytest
from asgiref.sync import iscoroutinefunction
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.base import BaseHandler
from django.http import HttpRequest, HttpResponse
from django.test import AsyncRequestFactory, RequestFactory, override_settings
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient as FastAPIClient
from flask.views import MethodView
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from resilience import System
from tests.integrations.django_project import set_up

system = System()


@pytest.fixture(params=["plain", "coroutine"])
def kind(request: pytest.FixtureRequest) -> str:
    """Name each kind of view in turn."""
    return str(request.param)


def guard(name: str) -> Callable[[Any], Any]:
    """Guard by two layers, so that the order of decorators is in play as well."""

    def decorate(call: Any) -> Any:
        return system.fallback("fallback", on=ConnectionError)(system.circuit(name)(call))

    return decorate


# --- Flask ---


def flask_app() -> flask.Flask:
    """Make an app with a guarded view of each kind."""
    app = flask.Flask(__name__)

    @app.get("/plain/<int:number>")
    @guard("flask plain")
    def plain(number: int) -> str:
        return f"plain {number}"

    @app.get("/coroutine/<int:number>")
    @guard("flask coroutine")
    async def coroutine(number: int) -> str:
        await asyncio.sleep(0)
        return f"coroutine {number}"

    class Page(MethodView):
        @guard("flask method")
        def get(self, number: int) -> str:
            return f"method {number}"

        @guard("flask async method")
        async def post(self, number: int) -> str:
            return f"async method {number}"

    app.add_url_rule("/method/<int:number>", view_func=Page.as_view("page"))
    return app


def test_flask_runs_guarded_views(kind: str) -> None:
    """A view of either kind answers, through `ensure_sync` where it is async."""
    app = flask_app()

    assert app.test_client().get(f"/{kind}/7").text == f"{kind} 7"
    assert kind in app.view_functions
    assert system.circuits[f"flask {kind}"].snapshot().calls > 0


def test_flask_sees_an_async_view_as_such() -> None:
    """`ensure_sync` leaves a plain view alone, and makes an async one sync."""
    app = flask_app()
    plain, coroutine = app.view_functions["plain"], app.view_functions["coroutine"]

    assert app.ensure_sync(plain) is plain
    assert app.ensure_sync(coroutine) is not coroutine
    with app.test_request_context("/"):
        assert app.ensure_sync(coroutine)(number=7) == "coroutine 7"


def test_flask_runs_guarded_methods_of_views() -> None:
    """Methods of a MethodView may be guarded, sync and async."""
    client = flask_app().test_client()

    assert client.get("/method/7").text == "method 7"
    assert client.post("/method/7").text == "async method 7"


# --- Django ---


@guard("django plain")
def django_plain(request: HttpRequest, number: int) -> HttpResponse:
    """Answer synchronously."""
    return HttpResponse(f"plain {number}")


@guard("django coroutine")
async def django_coroutine(request: HttpRequest, number: int) -> HttpResponse:
    """Answer asynchronously."""
    await asyncio.sleep(0)
    return HttpResponse(f"coroutine {number}")


class DjangoPage(View):
    """A class-based view with a guarded method."""

    @method_decorator(guard("django method"))
    def get(self, request: HttpRequest, number: int) -> HttpResponse:
        """Answer synchronously."""
        return HttpResponse(f"method {number}")


class DjangoAsyncPage(View):
    """A class-based view with a guarded async method."""

    @guard("django async method")
    async def get(self, request: HttpRequest, number: int) -> HttpResponse:
        """Answer asynchronously."""
        return HttpResponse(f"async method {number}")


urlpatterns = [
    path("plain/<int:number>", django_plain),
    path("coroutine/<int:number>", django_coroutine),
    path("method/<int:number>", DjangoPage.as_view()),
    path("async-method/<int:number>", DjangoAsyncPage.as_view()),
    # An async class-based view's `as_view()` is a plain function that returns a coroutine.
    path("guarded-view/<int:number>", guard("django view")(DjangoAsyncPage.as_view())),
]


@pytest.fixture
def django_urls() -> Iterator[None]:
    """Let Django find this module's views, whatever else it was configured for."""
    set_up()
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[], ALLOWED_HOSTS=["*"]):
        yield


DJANGO_PATHS = ["plain", "coroutine", "method", "async-method", "guarded-view"]


def expected(page: str) -> bytes:
    """Tell what a page must answer."""
    name = "async method" if page == "guarded-view" else page.replace("-", " ")
    return f"{name} 7".encode()


@pytest.mark.usefixtures("django_urls")
@pytest.mark.parametrize("page", DJANGO_PATHS)
def test_django_runs_guarded_views_under_wsgi(page: str) -> None:
    """The sync handler runs views of either kind."""
    handler = BaseHandler()
    handler.load_middleware(is_async=False)

    response = handler.get_response(RequestFactory().get(f"/{page}/7"))

    assert (response.status_code, response.content) == (200, expected(page))


@pytest.mark.usefixtures("django_urls")
@pytest.mark.parametrize("page", DJANGO_PATHS)
def test_django_runs_guarded_views_under_asgi(page: str) -> None:
    """The async handler runs views of either kind."""
    handler = ASGIHandler()
    request: ASGIRequest = AsyncRequestFactory().get(f"/{page}/7")

    response = asyncio.run(handler.get_response_async(request))

    assert (response.status_code, response.content) == (200, expected(page))


def test_django_sees_an_async_view_as_such() -> None:
    """`iscoroutinefunction` is how Django's handlers and `as_view` tell views apart."""
    assert not iscoroutinefunction(django_plain)
    assert iscoroutinefunction(django_coroutine)
    assert not DjangoPage.view_is_async
    assert DjangoAsyncPage.view_is_async


# --- Starlette and FastAPI ---


@guard("starlette plain")
def starlette_plain(request: Request) -> PlainTextResponse:
    """Answer from a worker thread."""
    return PlainTextResponse(f"plain {request.path_params['number']}")


@guard("starlette coroutine")
async def starlette_coroutine(request: Request) -> PlainTextResponse:
    """Answer on the loop."""
    return PlainTextResponse(f"coroutine {request.path_params['number']}")


class Endpoint(HTTPEndpoint):
    """A class-based endpoint."""

    @guard("starlette method")
    async def get(self, request: Request) -> PlainTextResponse:
        """Answer on the loop."""
        return PlainTextResponse(f"method {request.path_params['number']}")


@pytest.mark.parametrize("page", ["plain", "coroutine", "method"])
def test_starlette_runs_guarded_endpoints(page: str) -> None:
    """Functions of either kind and methods of an endpoint class answer."""
    app = Starlette(
        routes=[
            Route("/plain/{number}", starlette_plain),
            Route("/coroutine/{number}", starlette_coroutine),
            Route("/method/{number}", Endpoint),
        ]
    )

    assert TestClient(app).get(f"/{page}/7").text == f"{page} 7"


@guard("fastapi dependency")
def resource(log: str = "none") -> Iterator[str]:
    """Give a resource during the request."""
    yield f"resource {log}"


@guard("fastapi async dependency")
async def async_resource() -> AsyncIterator[str]:
    """Give a resource during the request."""
    yield "async resource"


def fastapi_app() -> FastAPI:
    """Make an app with guarded endpoints and dependencies."""
    app = FastAPI()

    @app.get("/plain")
    @guard("fastapi plain")
    def plain(number: int, kept: Annotated[str, Depends(resource)]) -> dict[str, Any]:
        return {"number": number, "kept": kept}

    @app.get("/coroutine")
    @guard("fastapi coroutine")
    async def coroutine(number: int, kept: Annotated[str, Depends(async_resource)]) -> Any:
        return {"number": number, "kept": kept}

    return app


def test_fastapi_reads_parameters_of_guarded_endpoints(kind: str) -> None:
    """Query parameters are found, converted and checked; yield dependencies work."""
    client = FastAPIClient(fastapi_app())
    kept = "resource some" if kind == "plain" else "async resource"

    assert client.get(f"/{kind}?number=7&log=some").json() == {"number": 7, "kept": kept}
    assert client.get(f"/{kind}?number=seven").status_code == 422


def test_fastapi_documents_guarded_endpoints(kind: str) -> None:
    """OpenAPI lists the endpoint's own parameters, and a dependency's."""
    operation = fastapi_app().openapi()["paths"][f"/{kind}"]["get"]

    names = {parameter["name"] for parameter in operation["parameters"]}

    assert names == ({"number", "log"} if kind == "plain" else {"number"})
