"""The extension: what it adds to an app, and what it needs to know for that."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from flask import Blueprint, Flask, Request, Response, current_app, request

from resilience import ConfigurationError, Settings, System, UnknownSettingError
from resilience import system as default_system
from resilience.core.names import did_you_mean
from resilience.web import endpoints, metrics
from resilience.web.actors import checked
from resilience_flask import admin, commands, handlers
from resilience_flask.edge import Edge
from resilience_flask.state import NAME, State, response_of
from resilience_flask.views import views_of

Authorize = Callable[[Request], Any]

_PREFIX = "RESILIENCE_"
_SECTIONS = [each.name for each in fields(Settings) if each.name != "origins"]

PROBES = frozenset({f"{NAME}.health", f"{NAME}.live", f"{NAME}.ready"})
"""The endpoint names of the health probes, for login checks to let them through."""


class Resilience:
    """Makes Flask apps answer rejected calls well, and serve their health.

    It holds nothing of an app, and so serves any number of them; what belongs to an app is in
    its `app.extensions["resilience"]`.

    Args:
        app: the app to set up at once; or call `init_app` later.
        system: whose circuits the app reports and configures.
        authorize: takes the request, returns who may see details in `/health` and use the
            dashboard at `/resilience/`, or None; without it there is no dashboard.

    Raises:
        ConfigurationError: as for `init_app`, or `authorize` is no function.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        system: System = default_system,
        authorize: Authorize | None = None,
    ) -> None:
        self._system = system
        self._authorize = None if authorize is None else checked(authorize)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Set up `app`: settings, error handlers, endpoints, templates' `feature`.

        Settings are read from its `RESILIENCE_CIRCUITS`, `RESILIENCE_DEGRADATION` and
        `RESILIENCE_WEB`, and over them from `RESILIENCE__…` in the environment. Nothing starts.

        Raises:
            ConfigurationError: a setting is refused, the app is set up already, or has served.
        """
        _check(app)
        settings = _settings(app)
        self._system.configure(settings, source=f"flask config of {app.name}")
        authorize = None if self._authorize is None else app.ensure_sync(self._authorize)
        state = State(self._system, self._system.web_of(settings), authorize)
        metrics.prepare(state.system, state.web)
        if state.web.endpoints:
            blueprint = _blueprint(state)
            if authorize is not None:
                admin.add_to(blueprint)
                self._system.recent  # noqa: B018 - from now on it is kept
            app.register_blueprint(blueprint)
        handlers.register(app)
        app.cli.add_command(commands.group)
        app.jinja_env.globals.setdefault("feature", self._feature)
        app.wsgi_app = Edge(app, state, app.wsgi_app)  # type: ignore[method-assign]
        self._system.views.add(app, views_of)
        app.extensions[NAME] = state

    def _feature(self, name: str, default: bool | None = None, *, key: object = None) -> bool:
        """Tell templates whether a feature is on; `Degradation.enabled` says more."""
        return self._system.degradation.enabled(name, default, key=key)


def _check(app: Flask) -> None:
    if not isinstance(app, Flask):
        raise ConfigurationError(f"Resilience({app!r}): give a Flask app")
    if NAME in app.extensions:
        raise ConfigurationError(
            f"app {app.name!r} is set up already: call Resilience(app) or init_app(app) once"
        )
    # Flask's own refusal comes later and does not say what to do; an absent flag is left to it.
    if getattr(app, "_got_first_request", False):
        raise ConfigurationError(
            f"app {app.name!r} has served a request: call init_app(app) where the app is made"
        )


def _settings(app: Flask) -> Settings:
    tree = app.config.get_namespace(_PREFIX)
    for name in tree:
        if name not in _SECTIONS:
            known = [_PREFIX + each.upper() for each in _SECTIONS]
            unknown = _PREFIX + name.upper()
            raise UnknownSettingError(
                f"app {app.name!r}: unknown setting {unknown}{did_you_mean(unknown, known)}"
            )
    try:
        return Settings.merged(tree, os.environ, origin="flask config")
    except ConfigurationError as error:
        raise type(error)(f"app {app.name!r}: {error}") from None


def _blueprint(state: State) -> Blueprint:
    """Return the endpoints; made anew for each app, as a blueprint belongs to one set of apps."""
    blueprint = Blueprint(NAME, __name__)
    for name, path in endpoints.named(state.web).items():
        # Flask answers other methods itself: 405 with `Allow: GET, HEAD`.
        blueprint.add_url_rule(path, name, _serve, provide_automatic_options=False)
    return blueprint


def _serve() -> Response:
    state: State = current_app.extensions[NAME]
    answer = endpoints.answer(
        state.system,
        state.web,
        request.method,
        request.path,
        {"accept": request.headers.get("Accept", "")},
        state.actor,
    )
    assert answer is not None
    return response_of(answer)
