"""System checks: what is mis-set is said by `manage.py check`, before anybody is served."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings as project
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.urls import URLResolver, get_resolver

from resilience import ConfigurationError
from resilience.core.guard import bypassed, name_of
from resilience_django import state
from resilience_django.middleware import PATH
from resilience_django.views import views

_COMMON = "django.middleware.common.CommonMiddleware"
_SECURITY = "django.middleware.security.SecurityMiddleware"


@register()
def check_setting(**_: Any) -> list[CheckMessage]:
    """Refuse what `RESILIENCE` cannot mean."""
    try:
        state.current()
    except ConfigurationError as error:
        return [Error(f"{state.SETTING}: {error}", id="resilience.E001")]
    return []


@register()
def check_middleware(**_: Any) -> list[CheckMessage]:
    """Find a middleware that is missing, listed twice, or behind those it has to precede."""
    listed = list(project.MIDDLEWARE)
    if PATH not in listed:
        hint = f"Put {PATH!r} first in MIDDLEWARE."
        said = "the middleware is missing: rejected calls are answered 500"
        return [checks.Warning(said, hint=hint, id="resilience.W001")]
    if listed.count(PATH) > 1:
        return [Error("MIDDLEWARE lists the middleware twice", id="resilience.E002")]
    before = [each for each in listed[: listed.index(PATH)] if each in (_COMMON, _SECURITY)]
    if before:
        said = f"the middleware stands behind {before[0]}: probes by IP or without TLS are refused"
        return [checks.Warning(said, hint="Put it first in MIDDLEWARE.", id="resilience.W002")]
    return []


@register()
def check_urls(**_: Any) -> list[CheckMessage]:
    """Find out whether `/degradation` and the details of `/health` can be reached."""
    if not getattr(project, "ROOT_URLCONF", None) or any(
        getattr(each, "app_name", None) == "resilience" for each in _resolvers(get_resolver())
    ):
        return []
    hint = 'Add path("", include("resilience_django.urls")) to the URLs.'
    said = "the URLs are missing: /degradation and the details of /health are not served"
    return [checks.Warning(said, hint=hint, id="resilience.W003")]


@register()
def check_views(**_: Any) -> list[CheckMessage]:
    """Find views that are served without the guard they were given."""
    if not getattr(project, "ROOT_URLCONF", None):
        return []
    return [
        checks.Warning(
            f"{route} is served by {name_of(view)} without its guard",
            hint="Give the URL pattern the guarded function, or put the decorator on the view.",
            id="resilience.W004",
        )
        for route, view in views()
        if bypassed(view)
    ]


@register(Tags.security, deploy=True)
def check_deployment(**_: Any) -> list[CheckMessage]:
    """Warn of details that nobody could see."""
    given = getattr(project, state.SETTING, None)
    own = isinstance(given, dict) and "authorize" in given
    if not own and "django.contrib.auth" not in project.INSTALLED_APPS:
        said = "nobody can see the details of /health: django.contrib.auth is not installed"
        return [checks.Warning(said, hint="Give RESILIENCE an authorize.", id="resilience.W005")]
    return []


def _patterns(resolver: Any) -> list[Any]:
    found: list[Any] = resolver.url_patterns
    return found


def _resolvers(resolver: URLResolver) -> Iterator[URLResolver]:
    for each in _patterns(resolver):
        if isinstance(each, URLResolver):
            yield each
            yield from _resolvers(each)
