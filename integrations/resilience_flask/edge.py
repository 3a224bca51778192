"""What happens around a request, before Flask sees it and after Flask has answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Flask, request
from werkzeug.exceptions import SecurityError

from resilience import OverloadedError
from resilience.web import endpoints
from resilience.web.actors import actor_of
from resilience.web.passage import Passage, Site
from resilience.web.views import warn_of_bypassed
from resilience.web.wsgi import WsgiPassage, passing
from resilience_flask import admin, handlers
from resilience_flask.state import State, response_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class FlaskPassage(WsgiPassage):
    """The passage of a request to a Flask app."""

    def find_route(self) -> str:
        """Return the template of the route that Flask found; "" for none."""
        rule = getattr(self.source.get("werkzeug.request"), "url_rule", None)
        return "" if rule is None else rule.rule


class Edge:
    """The WSGI layer around an app.

    A request's passage begins and ends here rather than in Flask's hooks: those run in an order
    that others decide, and after a streamed body at times in another context.
    """

    def __init__(self, app: Flask, state: State, inner: WSGIApplication) -> None:
        self._app = app
        self._state = state
        self._site = Site(state.system, state.web)
        self._inner = inner

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if not self._state.met:
            self._meet()
        site = self._site
        if site.web.probe_first and environ.get("PATH_INFO") in endpoints.PROBES:
            probe = self._probe(environ)
            if probe is not None:
                return probe(environ, start_response)
        passage = FlaskPassage(site, environ)
        app = self._inner
        if not passage.at_ease:
            app = self._admitting(passage, environ)
        return passing(passage, app, environ, start_response)

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

    def _admitting(self, passage: Passage, environ: WSGIEnvironment) -> WSGIApplication:
        """Return what serves the request, or turns it away in the app's own way."""
        try:
            passage.admit(partial(self._view_of, environ))
        except OverloadedError as error:
            return partial(_refuse, self._app, error)
        return self._inner

    def _view_of(self, environ: WSGIEnvironment) -> Any:
        context = self._app.request_context(environ)
        if context.url_adapter is None:  # its host is not trusted, which Flask will say
            return None
        context.match_request()
        rule = context.request.url_rule
        return None if rule is None else self._app.view_functions.get(rule.endpoint)

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
        with _within(self._app, environ):
            # Where the host is not trusted, this must not tell more than Flask would.
            refused = isinstance(request.routing_exception, SecurityError)
            return None if refused else self._state.authorize(request)


def _refuse(
    app: Flask, error: OverloadedError, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Answer as if the view had raised the error, with nothing of the app run before.

    The app's error handlers and `after_request` functions have their say.
    """
    context = app.request_context(environ)
    try:
        try:
            context.push()
            response = app.finalize_request(app.handle_user_exception(error))
        except Exception as failure:
            response = app.handle_exception(failure)
        return response(environ, start_response)
    finally:
        context.pop()


@contextmanager
def _within(app: Flask, environ: WSGIEnvironment) -> Iterator[None]:
    """Be in a request's context; `with` would leave it behind when its session cannot be opened."""
    context = app.request_context(environ)
    try:
        context.push()
        yield
    finally:
        context.pop()
