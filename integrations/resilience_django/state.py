"""What a project was set up with: its `RESILIENCE` setting, read once."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from asgiref.sync import async_to_sync
from django.apps import apps
from django.conf import settings as project
from django.core.signals import setting_changed
from django.http import HttpRequest
from django.utils.module_loading import import_string

from resilience import ConfigurationError, ConfigurationWarning, Settings, System
from resilience import system as default_system
from resilience.core.checks import mapping
from resilience.core.kinds import Kind, kind_of
from resilience.settings import WebSettings
from resilience.web import metrics
from resilience.web.actors import actor_of, checked
from resilience_django.views import views_of

SETTING = "RESILIENCE"
OWN = ("authorize", "system")
"""What the setting may hold besides the tree of `Settings`."""

APP = "resilience_django"

Authorize = Callable[[HttpRequest], Any]


@dataclass(frozen=True, slots=True)
class State:
    """What a project was set up with.

    Args:
        system: whose guards it uses.
        web: its web settings.
        authorize: tells who may see details.
        is_open: `authorize` is the project's own, so that the dashboard stands at `/resilience/`.
    """

    system: System
    web: WebSettings
    authorize: Authorize
    is_open: bool = False

    def actor(self, request: HttpRequest) -> object | None:
        """Return who sends the request and may see details, or None."""
        return actor_of(self.authorize, request)


def staff(request: HttpRequest) -> Any:
    """Return the request's user if it is one of the staff, or None."""
    user = getattr(request, "user", None)  # there is none before the authentication middleware
    return user if user is not None and user.is_active and user.is_staff else None


_made: tuple[Any, State] | None = None


def current() -> State:
    """Return the project's state, made when it is first asked for.

    Raises:
        ConfigurationError: a setting is refused; says which, and what is allowed.
    """
    global _made  # noqa: PLW0603 - Django has one set of settings for a process
    given = getattr(project, SETTING, None)
    if _made is None or _made[0] is not given:
        _made = (given, _state_of({} if given is None else mapping(SETTING, given)))
    return _made[1]


def _state_of(given: Mapping[str, Any]) -> State:
    system = _object("system", given.get("system", default_system), System)
    authorize = _plain(checked(_object("authorize", given.get("authorize", staff))))
    tree = {name: value for name, value in given.items() if name not in OWN}
    found = Settings.merged(tree, os.environ, origin=f"{SETTING} setting")
    found = _with_journal(system, found)
    system.configure(found, source="django settings")
    warn_of_missing_app()
    system.views.add(apps, views_of)
    is_open = "authorize" in given
    if is_open or apps.is_installed("django.contrib.admin"):
        system.recent  # noqa: B018 - from now on it is kept
    web = system.web_of(found)
    metrics.prepare(system, web)
    return State(system, web, authorize, is_open)


def _plain(authorize: Authorize) -> Authorize:
    """Return a plain `authorize`, as our views are not, which Django runs in threads."""
    return async_to_sync(authorize) if kind_of(authorize) is Kind.ASYNC else authorize


def warn_of_missing_app() -> None:
    """Warn where the app is not installed, and so cannot bring system checks that would say so."""
    if apps.apps_ready and not apps.is_installed(APP):
        warnings.warn(
            f"{APP} is missing in INSTALLED_APPS: there are no system checks, no commands, no live "
            "view in the admin, and no signals",
            ConfigurationWarning,
            stacklevel=1,
        )


def _with_journal(system: System, found: Settings) -> Settings:
    """Return settings whose journal, unless they say otherwise, is in the project's database."""
    if not found.journal.is_on:
        return found
    from resilience_django.journal import SCHEME, URL, DjangoStore

    system.journal.add_scheme(SCHEME, DjangoStore)
    if found.journal.url is not None:
        return found
    return replace(found, journal=replace(found.journal, url=URL))


def _object(name: str, given: Any, kind: type | None = None) -> Any:
    """Return what was given, or what its dotted path names."""
    found = given
    if isinstance(given, str):
        try:
            found = import_string(given)
        except ImportError as error:
            raise ConfigurationError(f"{name}={given!r}: {error}") from None
    fits = callable(found) if kind is None else isinstance(found, kind)
    if not fits:
        wanted = "a function of the request" if kind is None else f"a {kind.__name__}"
        raise ConfigurationError(f"{name}={given!r}: give {wanted}, or its dotted path")
    return found


def _forget(*, setting: str, **_: Any) -> None:
    global _made  # noqa: PLW0603 - as above
    if setting == SETTING:
        _made = None


setting_changed.connect(_forget)
