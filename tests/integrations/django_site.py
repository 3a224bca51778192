"""The shop of the contract as Django projects: WSGI and ASGI, sync and async views."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from asgiref.sync import async_to_sync

from tests.integrations.django_project import set_up

set_up()

from django.core.exceptions import BadRequest, PermissionDenied  # noqa: E402
from django.core.handlers.asgi import ASGIHandler  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse  # noqa: E402
from django.test import AsyncClient, Client, override_settings  # noqa: E402
from django.urls import include  # noqa: E402
from django.urls import path as route  # noqa: E402
from rest_framework.exceptions import APIException  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from tests.integrations.contract import ROUTES, Ask, AsyncShop, Reply, Shop, Site, Sites  # noqa: E402

MIDDLEWARE = "resilience_django.middleware.ResilienceMiddleware"
BEHIND = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]


def authorize(asked: HttpRequest) -> str | None:
    """Tell who asks, by bearer token."""
    return Shop.authorize(asked.headers.get("Authorization", ""))


async def authorize_async(asked: HttpRequest) -> str | None:
    """Tell the same, as an async function that awaits something."""
    await asyncio.sleep(0)
    return authorize(asked)


class StatusError(APIException):
    """Any status, as DRF's own exceptions say it."""

    def __init__(self, status: int) -> None:
        super().__init__("no")
        self.status_code = status


def abort(status: int) -> None:
    """Answer with a status, in Django's own way where it has one."""
    own: dict[int, Exception] = {
        400: BadRequest("no"), 403: PermissionDenied("no"), 404: Http404("no"),
    }  # fmt: skip
    raise own.get(status) or StatusError(status)


class Urls:
    """A URLconf of its own."""

    def __init__(
        self, shop: Shop, view_of: Callable[[Callable[..., Any]], Any], *, streams_async: bool
    ) -> None:
        self.urlpatterns = [
            route("", include("resilience_django.urls")),
            *[route(name, view_of(getattr(shop, name))) for name in ROUTES],
            route("parts", _streaming(shop, is_async=streams_async)),
            route("missing/<int:status>", view_of(_missing(shop))),
        ]


def _missing(shop: Shop) -> Callable[..., Any]:
    missing: Any = shop.missing

    async def later(status: int) -> Any:
        return await missing(status, abort)

    def now(status: int) -> Any:
        return missing(status, abort)

    return later if iscoroutinefunction(missing) else now


def _streaming(shop: Shop, *, is_async: bool) -> Callable[[HttpRequest], Any]:
    async def streamed(request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(shop.parts())

    def streamed_sync(request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(_one_by_one(shop.parts()))

    return streamed if is_async else streamed_sync


def _one_by_one(parts: Any) -> Iterator[str]:
    """Yield the parts of a body, also of an async one: a WSGI server knows no such thing."""
    if isinstance(parts, Iterator):
        yield from parts
    else:
        yield from async_to_sync(_all)(parts)


async def _all(parts: Any) -> list[str]:
    return [part async for part in parts]


def plain_view(call: Callable[..., Any]) -> Any:
    """Return a function view that answers with what a call returns."""

    @wraps(call)
    async def awaited(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return await _settled(call(**kwargs))

    @wraps(call)
    def called(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return _response(call, kwargs)

    return awaited if iscoroutinefunction(call) else called


async def _settled(answer: Any) -> HttpResponse:
    try:
        return HttpResponse(await answer)
    except StatusError as error:
        return HttpResponse("no", status=error.status_code)


def _response(call: Callable[..., Any], kwargs: Mapping[str, Any]) -> HttpResponse:
    try:
        return HttpResponse(call(**kwargs))
    except StatusError as error:
        return HttpResponse("no", status=error.status_code)


def drf_view(call: Callable[..., Any]) -> Any:
    """Return a view of the REST framework that answers with what a call returns."""

    class View(APIView):
        authentication_classes = ()
        permission_classes = ()

        @wraps(call)
        def get(self, request: Any, **kwargs: Any) -> HttpResponse:
            return HttpResponse(call(**kwargs))

    return View.as_view()


def ask_wsgi(settings: Mapping[str, Any]) -> Ask:
    """Return what sends requests to the project's WSGI app."""
    with override_settings(**settings):
        handler = WSGIHandler()

    class Whole(Client):
        """A client of this handler; exceptions become answers, as in a server."""

        def __init__(self) -> None:
            super().__init__(raise_request_exception=False)
            self.handler._middleware_chain = handler._middleware_chain
            self.handler._exception_middleware = handler._exception_middleware
            self.handler._view_middleware = handler._view_middleware
            self.handler._template_response_middleware = handler._template_response_middleware

    def ask(
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Reply:
        with override_settings(**settings):
            response: Any = Whole().generic(method, path, body, type_of(headers), headers=headers)
            return reply_of(response, b"".join(response))

    return ask


def ask_asgi(settings: Mapping[str, Any]) -> Ask:
    """Return what sends requests to the project's ASGI app."""
    with override_settings(**settings):
        handler = ASGIHandler()

    async def asked(
        path: str, method: str, headers: Mapping[str, str] | None, body: bytes
    ) -> Reply:
        client = AsyncClient(raise_request_exception=False)
        client.handler._middleware_chain = handler._middleware_chain
        client.handler._exception_middleware = handler._exception_middleware
        client.handler._view_middleware = handler._view_middleware
        client.handler._template_response_middleware = handler._template_response_middleware
        response: Any = await client.generic(
            method, path, body, type_of(headers), headers=typeless(headers)
        )
        if response.streaming and response.is_async:
            return reply_of(response, b"".join([part async for part in response]))
        return reply_of(response, b"".join(response))

    def ask(
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Reply:
        with override_settings(**settings):
            return asyncio.run(asked(path, method, headers, body))

    return ask


def type_of(headers: Mapping[str, str] | None) -> str:
    """Return the type of a body; Django's clients do not take it from the headers."""
    return (headers or {}).get("Content-Type", "application/octet-stream")


def typeless(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return the headers without the body's type, which the async client would send twice."""
    return {name: value for name, value in (headers or {}).items() if name != "Content-Type"}


def reply_of(response: Any, body: bytes) -> Reply:
    """Return a response as the contract reads it."""
    named = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, named, body)


def site(
    shop: Shop,
    ask_of: Callable[[Mapping[str, Any]], Ask],
    view_of: Callable[..., Any] = plain_view,
    middleware: list[str] | None = None,
    **web: Any,
) -> Site:
    """Return the shop as a project of its own."""
    is_async = ask_of is ask_asgi and isinstance(shop, AsyncShop)
    settings = {
        "MIDDLEWARE": [MIDDLEWARE, *BEHIND] if middleware is None else middleware,
        "RESILIENCE": {
            "system": shop.system,
            "authorize": authorize_async if ask_of is ask_asgi else authorize,
            "web": web,
        },
        "ROOT_URLCONF": Urls(shop, view_of, streams_async=is_async),
    }
    return Site(ask_of(settings), shop)


SITES: Sites = {
    "django, wsgi": lambda: site(Shop(), ask_wsgi),
    "django, wsgi, async views": lambda: site(AsyncShop(), ask_wsgi),
    "django, asgi": lambda: site(AsyncShop(), ask_asgi),
    "django, asgi, sync views": lambda: site(Shop(), ask_asgi),
    "django, rest framework": lambda: site(Shop(), ask_wsgi, drf_view),
    "django, behind the others": lambda: site(Shop(), ask_wsgi, middleware=[*BEHIND, MIDDLEWARE]),
    "django, asgi, behind the others": lambda: site(
        AsyncShop(), ask_asgi, middleware=[*BEHIND, MIDDLEWARE]
    ),
}
