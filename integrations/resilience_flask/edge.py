"""What happens around a request, before Flask sees it and after Flask has answered."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any

from flask import Flask, request
from werkzeug.exceptions import SecurityError

from resilience import OverloadedError
from resilience.web import endpoints
from resilience.web.actors import actor_of
from resilience.web.passage import READ, Passage
from resilience.web.views import warn_of_bypassed
from resilience.web.wsgi import all_headers, passing
from resilience_flask import admin, handlers
from resilience_flask.state import State, response_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


PASSAGE = "resilience.passage"
"""Where the WSGI environment has the request's passage."""

_READ = {f"HTTP_{name.upper().replace('-', '_')}": name for name in READ}
_NO_HEADERS: dict[str, str] = {}


class Edge:
    """The WSGI layer around an app.

    A request's passage begins and ends here rather than in Flask's hooks: those run in an order
    that others decide, and after a streamed body at times in another context.
    """

    def __init__(self, app: Flask, state: State, inner: WSGIApplication) -> None:
        self._app = app
        self._state = state
        self._inner = inner
        self._ensure_at = -inf

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if not self._state.met:
            self._meet()
        if (now := monotonic()) >= self._ensure_at:
            # Once a second is enough to see to it that the engine runs in this process.
            self._ensure_at = now + 1.0
            self._state.system.ensure()
        web = self._state.web
        path = environ.get("PATH_INFO", "")
        if web.probe_first and path in endpoints.PROBES:
            probe = self._probe(environ)
            if probe is not None:
                return probe(environ, start_response)
        passage = Passage(
            self._state.system,
            web,
            _NO_HEADERS if environ.keys().isdisjoint(_READ) else _headers(environ),
            path,
            environ["REQUEST_METHOD"],
            environ,
            _socket_of,
        )
        passage.find_route = partial(_route, environ)
        if self._state.system.runtime.watchers:
            passage.find_headers = partial(all_headers, environ)
        environ[PASSAGE] = passage
        app = self._refusing(passage, environ) if passage.pressed() else None
        return passing(passage, app or self._inner, environ, start_response)

    def _meet(self) -> None:
        """Do what has to wait until all of the app is there; doing it twice at once is no harm."""
        handlers.outrank_catch_alls(self._app)
        admin.exempt(self._app)
        self._state.met = True
        self._state.system.warn_of_unknown()
        served = self._app.view_functions
        rules = self._app.url_map.iter_rules()
        views = ((rule.rule, served.get(rule.endpoint)) for rule in rules)
        warn_of_bypassed(self._state.system, views)

    def _refusing(self, passage: Passage, environ: WSGIEnvironment) -> WSGIApplication | None:
        """Return what turns the request away, in the app's own way; None: it is served."""
        context = self._app.request_context(environ)
        context.match_request()
        rule = context.request.url_rule
        try:
            passage.admit(None if rule is None else self._app.view_functions.get(rule.endpoint))
        except OverloadedError as error:
            return partial(_refuse, self._app, error)
        return None

    def _probe(self, environ: WSGIEnvironment) -> WSGIApplication | None:
        answer = endpoints.answer(
            self._state.system,
            self._state.web,
            environ["REQUEST_METHOD"],
            environ["PATH_INFO"],
            {"accept": environ.get("HTTP_ACCEPT", "")},
            lambda: actor_of(self._authorize, environ),
        )
        return None if answer is None else response_of(answer)

    def _authorize(self, environ: WSGIEnvironment) -> Any:
        """Ask the app's `authorize` about a request that Flask has not dispatched."""
        if self._state.authorize is None:
            return None
        with self._app.request_context(environ):
            # Where the host is not trusted, this must not tell more than Flask would.
            refused = isinstance(request.routing_exception, SecurityError)
            return None if refused else self._state.authorize(request)


def _refuse(
    app: Flask, error: OverloadedError, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Answer as if the view had raised the error, with nothing of the app run before.

    The app's error handlers and `after_request` functions have their say.
    """
    with app.request_context(environ):
        try:
            response = app.finalize_request(app.handle_user_exception(error))
        except Exception as failure:
            response = app.handle_exception(failure)
        return response(environ, start_response)


def _socket_of(environ: WSGIEnvironment) -> Any:
    return environ.get("gunicorn.socket") or environ.get("werkzeug.socket")


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    """Return those of the request's headers that a passage reads, names in lower case."""
    return {name: environ[key] for key, name in _READ.items() if key in environ}


def _route(environ: WSGIEnvironment) -> str:
    """Return the template of the route that Flask found for a request; "" for none."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return "" if rule is None else rule.rule
