"""The Django project whose background engine `test_engine_django.py` watches: settings and URLs."""

import importlib
from contextlib import suppress
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import include, path

from tests.integrations.engine_apps import here

with suppress(ImportError):
    importlib.import_module("watched_by_django")  # a file that a test may change

SECRET_KEY = "for tests"
ALLOWED_HOSTS = ["127.0.0.1"]
DEBUG = True
INSTALLED_APPS = ["resilience_django"]
MIDDLEWARE = ["resilience_django.middleware.ResilienceMiddleware"]
ROOT_URLCONF = __name__


def who(request: HttpRequest) -> JsonResponse:
    """Tell which process answers."""
    return JsonResponse(here())


async def who_async(request: HttpRequest) -> JsonResponse:
    """Tell the same from an async view."""
    return JsonResponse(here())


urlpatterns: list[Any] = [
    path("who", who),
    path("async", who_async),
    path("", include("resilience_django.urls")),
]
