"""What happens around a request, before Flask sees it and after Flask has answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, request
from werkzeug.exceptions import SecurityError

from resilience.core import degraded
from resilience.web import endpoints, payloads
from resilience.web.admission import actor_of
from resilience_flask import handlers
from resilience_flask.state import State, response_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Edge:
    """The WSGI layer around an app.

    A request's marks begin and end here rather than in Flask's hooks: those run in an order that
    others decide, and after a streamed body at times in another context.
    """

    def __init__(self, app: Flask, state: State, inner: WSGIApplication) -> None:
        self._app = app
        self._state = state
        self._inner = inner

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if not self._state.met:
            self._meet()
        self._state.system.ensure()
        web = self._state.web
        if web.probe_first and environ.get("PATH_INFO") in endpoints.PROBES:
            probe = self._probe(environ)
            if probe is not None:
                return probe(environ, start_response)
        if not web.degraded_header:
            return self._inner(environ, start_response)
        token = degraded.begin()
        try:
            return self._inner(environ, _naming(start_response, token.var.get()))
        finally:
            degraded.end(token)

    def _meet(self) -> None:
        """Do what has to wait until all of the app is there; doing it twice at once is no harm."""
        handlers.outrank_catch_alls(self._app)
        self._state.met = True
        self._state.system.circuits.warn_of_unknown()

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


def _naming(start_response: StartResponse, marks: degraded.Marks | None) -> Callable[..., Any]:
    """Return `start_response` with `X-Degraded` added where something was stood in for.

    Args:
        start_response: the server's.
        marks: this request's own; the present ones may be those of an app mounted in this one.
    """

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        value = payloads.degraded_header(marks or {})
        if value:
            headers = [*headers, ("X-Degraded", value)]
        return start_response(status, headers, exc_info)

    return start
