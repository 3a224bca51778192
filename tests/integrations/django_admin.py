"""Django's admin with the live view in it, and people of every sort."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from tests.integrations.django_project import set_up

set_up()

from django.contrib import admin  # noqa: E402
from django.contrib.auth.models import Permission, User  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.contrib.staticfiles.handlers import StaticFilesHandler  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402
from django.test import Client, override_settings  # noqa: E402
from django.urls import include  # noqa: E402
from django.urls import path as route  # noqa: E402

from resilience import System  # noqa: E402
from tests.integrations.django_site import BEHIND, MIDDLEWARE  # noqa: E402

LIVE_VIEW = "/admin/resilience/dashboard/"
MESSAGES = "django.contrib.messages.middleware.MessageMiddleware"

PERMISSIONS = {
    "nobody": (),
    "customer": (),
    "clerk": (),
    "viewer": ("view_dashboard",),
    "operator": ("operate_dashboard",),
    "root": (),
}


class Urls:
    """The admin and our endpoints."""

    urlpatterns = (
        route("admin/", admin.site.urls),
        route("", include("resilience_django.urls")),
    )


@contextmanager
def people() -> Iterator[None]:
    """Give a database with one of each sort."""
    call_command("migrate", verbosity=0)
    for name, permissions in PERMISSIONS.items():
        user, _ = User.objects.get_or_create(
            username=name,
            is_staff=name not in ("nobody", "customer"),
            is_superuser=name == "root",
        )
        user.user_permissions.set(
            Permission.objects.filter(
                content_type__app_label="resilience", codename__in=permissions
            )
        )
    yield
    connections.close_all()


@contextmanager
def project(system: System, **more: Any) -> Iterator[None]:
    """Put the settings of a project with the admin in force."""
    settings = {
        "MIDDLEWARE": [MIDDLEWARE, *BEHIND, MESSAGES],
        "RESILIENCE": {"system": system},
        "ROOT_URLCONF": Urls,
        **more,
    }
    with override_settings(**settings):
        yield


def client_of(name: str, **more: Any) -> Client:
    """Return a client that is logged in as somebody; "nobody": as no one."""
    client = Client(**more)
    if name != "nobody":
        client.force_login(User.objects.get(username=name))
    return client


def session_of(name: str) -> str:
    """Return the key of a session in which somebody is logged in."""
    key: str = client_of(name).session.session_key
    assert SessionStore(key).exists(key)
    return key


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its parent's name
        pass


class _Threads(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = False

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            connections.close_all()


@contextmanager
def served() -> Iterator[str]:
    """Serve the project that is in force by threads; give its address."""
    server = _Threads(("127.0.0.1", 0), _Quiet)
    server.set_app(StaticFilesHandler(WSGIHandler()))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
