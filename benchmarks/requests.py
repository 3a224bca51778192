"""What is timed of requests: hello-world views called as a server calls them, bare and with ours.

No socket, no parsing: a figure is what the framework does, and what ours adds to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from typing import Any

from benchmarks import loops
from benchmarks.calls import Group
from benchmarks.peers import Peer
from benchmarks.rounds import Subject
from resilience import System

WITH = "with resilience"
LAYER = "with a layer that does nothing"
_HEADERS = {
    "Host": "127.0.0.1:8000",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)",
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Accept-Encoding": "gzip, deflate, br",
    "Accept-Language": "en-GB,en;q=0.5",
    "Connection": "keep-alive",
    "Cookie": "session=5f2a7c11",
}
_ASGI_HEADERS = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]


STARTPROJECT = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
"""The middleware that `startproject` gives a Django project."""
OURS_FOR_DJANGO = "resilience_django.middleware.ResilienceMiddleware"


class Layer:
    """An ASGI layer that passes everything through, wrapping `send` as most of them do."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a connection."""

        async def sending(message: Any) -> None:
            await send(message)

        await self.app(scope, receive, sending)


def starlette_app() -> Any:
    """Return an app with one view."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def hello(request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    return Starlette(routes=[Route("/", hello)])


def fastapi_app() -> Any:
    """Return an app with one view."""
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/")
    async def hello() -> dict[str, str]:
        return {"hello": "world"}

    return app


def flask_app() -> Any:
    """Return an app with one view."""
    from flask import Flask

    app = Flask("hello")
    app.add_url_rule("/", "hello", lambda: "hello")
    return app


def django_app(with_ours: bool) -> Any:
    """Return a Django project with one view; any number of them, whatever the process's is."""
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
    from django.http import HttpRequest, HttpResponse
    from django.test.utils import override_settings
    from django.urls import path

    def hello(request: HttpRequest) -> HttpResponse:
        return HttpResponse("hello")

    class Request(WSGIRequest):  # type: ignore[misc]
        urlconf = type("Urls", (), {"urlpatterns": [path("", hello)]})

    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["127.0.0.1"],
            INSTALLED_APPS=[
                "django.contrib.auth",
                "django.contrib.contenttypes",
                "resilience_django",
            ],
            LOGGING_CONFIG=None,
            ROOT_URLCONF=Request.urlconf,
            SECRET_KEY="hello",
            USE_TZ=True,
        )
        django.setup()
    with override_settings(MIDDLEWARE=[*([OURS_FOR_DJANGO] if with_ours else []), *STARTPROJECT]):
        handler = WSGIHandler()
    handler.request_class = Request
    return handler


def starlette(_peers: Sequence[Peer]) -> Group:
    """Compare a Starlette app bare and with ours."""
    layered = starlette_app()
    layered.add_middleware(Layer)
    subjects = [
        ("Starlette", starlette_app()),
        (LAYER, layered),
        (WITH, _with_ours(starlette_app())),
    ]
    return _asgi("A request, Starlette", subjects)


def fastapi(_peers: Sequence[Peer]) -> Group:
    """Compare a FastAPI app bare and with ours."""
    subjects = [("FastAPI", fastapi_app()), (WITH, _with_ours(fastapi_app()))]
    return _asgi("A request, FastAPI", subjects)


def flask(_peers: Sequence[Peer]) -> Group:
    """Compare a Flask app bare and with ours."""
    from resilience_flask import Resilience

    guarded = flask_app()
    Resilience(guarded, system=System())
    subjects = [("Flask", flask_app()), (WITH, guarded)]
    return _wsgi("A request, Flask", subjects)


def django(_peers: Sequence[Peer]) -> Group:
    """Compare a Django project bare and with ours."""
    subjects = [("Django", django_app(False)), (WITH, django_app(True))]
    return _wsgi("A request, Django", subjects)


def _with_ours(app: Any) -> Any:
    from resilience_starlette import Resilience

    Resilience(app, system=System())
    return app


def _asgi(title: str, subjects: Sequence[tuple[str, Any]]) -> Group:
    timed = [Subject(name, loops.awaited(partial(ask_asgi, app))) for name, app in subjects]
    return Group(title, subjects[0][0], tuple(timed))


def _wsgi(title: str, subjects: Sequence[tuple[str, Any]]) -> Group:
    timed = [Subject(name, loops.plain(partial(ask_wsgi, app))) for name, app in subjects]
    return Group(title, subjects[0][0], tuple(timed))


async def ask_asgi(app: Any) -> None:
    """Send one request to an ASGI app."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "query_string": b"",
        "headers": _ASGI_HEADERS,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    await app(scope, _receive, _send)


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: Any) -> None:
    """Let a message go."""


def ask_wsgi(app: Any) -> None:
    """Send one request to a WSGI app, and read its answer."""
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": None,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **_WSGI_HEADERS,
    }
    body = app(environ, _start_response)
    for _ in body:
        pass
    body.close()


_WSGI_HEADERS = {f"HTTP_{name.upper().replace('-', '_')}": text for name, text in _HEADERS.items()}


def _start_response(status: str, headers: Any, exc_info: Any = None) -> None:
    """Let an answer begin."""


REQUEST_GROUPS: dict[str, Callable[[Sequence[Peer]], Group]] = {
    "starlette": starlette,
    "fastapi": fastapi,
    "flask": flask,
    "django": django,
}
